// Suggested labels of a file on this machine, sent as text in JSON.
// Java 11 or newer: java base64-text.java
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;

public class Base64Text {
    public static void main(String[] arguments) throws Exception {
        String host = "HOST";
        String token = "TOKEN";
        String project = "PROJECT";

        URI address = URI.create(host + "/api/similarity-labels?project=" + project
                + "&threshold=30&use-first=false&save=false");
        byte[] image = Files.readAllBytes(Path.of("photo.jpg"));
        String body = "{\"base64\": \"" + Base64.getEncoder().encodeToString(image) + "\"}";
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
