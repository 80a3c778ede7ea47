# Suggested labels of an image that the project has already.
curl --silent --show-error --fail-with-body \
  "HOST/api/similarity-labels?project=PROJECT&threshold=30&use-first=false&save=false" \
  --header "X-Auth-token: TOKEN" \
  --header "Content-Type: application/json" \
  --data '{"imageName": "photo.jpg"}'
