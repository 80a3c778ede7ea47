# Suggested labels of a file on this machine, sent as text in JSON.
printf '{"base64": "%s"}' "$(base64 < photo.jpg | tr -d '\n')" |
curl --silent --show-error --fail-with-body \
  "HOST/api/similarity-labels?project=PROJECT&threshold=30&use-first=false&save=false" \
  --header "X-Auth-token: TOKEN" \
  --header "Content-Type: application/json" \
  --data-binary @-
