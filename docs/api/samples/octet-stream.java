// Suggested labels of a file on this machine.
// Java 11 or newer: java octet-stream.java
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;

public class OctetStream {
    public static void main(String[] arguments) throws Exception {
        String host = "HOST";
        String token = "TOKEN";
        String project = "PROJECT";

        URI address = URI.create(host + "/api/similarity-labels?project=" + project
                + "&threshold=30&use-first=false&save=false");
        HttpRequest request = HttpRequest.newBuilder(address)
                .header("X-Auth-token", token)
                .header("Content-Type", "application/octet-stream")
                .POST(HttpRequest.BodyPublishers.ofFile(Path.of("photo.jpg")))
                .build();
        HttpResponse<String> response =
                HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
        System.out.println(response.body());
        if (response.statusCode() != 200) {
            System.exit(1);
        }
    }
}
