import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/** Sends a signed delivery twice with Java's standard client, which offers HTTP/2 on every plain connection. */
public class PostTwice {
    public static void main(String[] arguments) throws Exception {
        HttpRequest delivery = HttpRequest.newBuilder(URI.create(arguments[0]))
            .header("Stripe-Signature", arguments[1])
            .POST(HttpRequest.BodyPublishers.ofString(arguments[2]))
            .build();
        HttpClient client = HttpClient.newHttpClient();
        for (int number = 0; number < 2; number++) {
            System.out.println(client.send(delivery, HttpResponse.BodyHandlers.ofString()).statusCode());
        }
    }
}
