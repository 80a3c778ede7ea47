from django.urls import include, path

urlpatterns = [path("", include("projects.urls"))]
handler500 = "projects.middleware.outages.server_error"
