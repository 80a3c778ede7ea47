# Suggested labels of an image on the web.
curl --silent --show-error --fail-with-body \
  "HOST/api/similarity-labels?project=PROJECT&threshold=30&use-first=false&save=false" \
  --header "X-Auth-token: TOKEN" \
  --header "Content-Type: application/json" \
  --data '{"url": "https://example.com/photo.jpg"}'
