// Suggested labels of an image that the project has already.
// Java 11 or newer: java image-name.java
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

public class ImageName {
    public static void main(String[] arguments) throws Exception {
        String host = "HOST";
        String token = "TOKEN";
        String project = "PROJECT";

        URI address = URI.create(host + "/api/similarity-labels?project=" + project
                + "&threshold=30&use-first=false&save=false");
        String body = "{\"imageName\": \"photo.jpg\"}";
        HttpRequest request = HttpRequest.newBuilder(address)
                .header("X-Auth-token", token)
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build();
        HttpResponse<String> response =
                HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
        System.out.println(response.body());
        if (response.statusCode() != 200) {
            System.exit(1);
        }
    }
}
