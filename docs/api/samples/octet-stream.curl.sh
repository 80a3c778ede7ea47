# Suggested labels of a file on this machine.
curl --silent --show-error --fail-with-body \
  "HOST/api/similarity-labels?project=PROJECT&threshold=30&use-first=false&save=false" \
  --header "X-Auth-token: TOKEN" \
  --header "Content-Type: application/octet-stream" \
  --data-binary @photo.jpg
