package ironlane.peers;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** Answers requests, one JSON object per line, until the input ends. Works on a thread of the name given. */
public final class Server {
    /** Makes the peer and warms it. */
    public interface Opener {
        Peer open(Opening opening) throws Exception;
    }

    private static final Gson JSON = new GsonBuilder().serializeNulls().disableHtmlEscaping().create();

    private final Opener opener;
    private Peer peer;

    private Server(Opener opener) {
        this.opener = opener;
    }

    public static void serve(String threadName, Opener opener) throws InterruptedException {
        PrintStream answers = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        System.setOut(System.err); // libraries may print
        Thread worker = new Thread(() -> new Server(opener).run(answers), threadName);
        worker.start();
        worker.join();
    }

    private void run(PrintStream answers) {
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        try {
            for (String line = requests.readLine(); line != null; line = requests.readLine()) {
                answers.println(answer(line));
            }
            if (peer != null) {
                peer.close();
            }
        } catch (Exception error) {
            error.printStackTrace();
        }
    }

    private String answer(String line) {
        try {
            JsonObject request = JsonParser.parseString(line).getAsJsonObject();
            String order = request.get("do").getAsString();
            if (order.equals("open")) {
                peer = opener.open(JSON.fromJson(request, Opening.class));
                return "{}";
            }
            if (peer == null) {
                throw new IllegalStateException(order + " before open");
            }
            return switch (order) {
                case "throughput" -> JSON.toJson(peer.throughput());
                case "latency" -> JSON.toJson(peer.latency());
                default -> throw new IllegalArgumentException("unknown request " + order);
            };
        } catch (Exception | LinkageError | OutOfMemoryError error) {
            error.printStackTrace();
            return JSON.toJson(Map.of("error", error.toString()));
        }
    }
}
