// Every call of the API, to read and to try out with a token. Everything is served from here.
const main = document.getElementById("swagger-ui");

window.SwaggerUIBundle({
  domNode: main,
  url: main.dataset.schema,
  deepLinking: true,
  // The schema is not sent to anybody for judgement.
  validatorUrl: null,
  persistAuthorization: false,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
});
