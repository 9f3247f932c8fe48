// SPDX-License-Identifier: MIT
// The JDK's HTTP server with an executor of MAX threads that are called "http-exec-1" and so on. A task of the executor is an operation when it
// handled a request (it also runs one for a connection that its client closed); it began when it was submitted.

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.net.InetSocketAddress;
import java.util.Locale;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

public class Subject {
    static final ConcurrentLinkedQueue<String> ops = new ConcurrentLinkedQueue<>();
    static final ThreadLocal<Boolean> handled = ThreadLocal.withInitial(() -> false);

    static int setting(String name) {
        return Integer.parseInt(System.getenv(name));
    }

    static class Timed implements Runnable {
        final Runnable task;
        final long submitted = System.nanoTime();
        long begun;

        Timed(Runnable task) {
            this.task = task;
        }

        public void run() {
            begun = System.nanoTime();
            handled.set(false);
            task.run();
            long ended = System.nanoTime();
            if (handled.get())
                ops.add(submitted + " " + begun + " " + ended + " " + ended);
        }
    }

    static void answer(HttpExchange x) throws IOException {
        handled.set(true);
        pause(setting("QUERY_MS"));
        byte[] body = "ok\n".getBytes();
        x.sendResponseHeaders(200, body.length);
        if (setting("SPLIT") > 0) {
            x.getResponseBody().write(body, 0, 1);
            x.getResponseBody().flush();
            pause(setting("SPLIT"));
            x.getResponseBody().write(body, 1, body.length - 1);
        } else {
            x.getResponseBody().write(body);
        }
        x.close();
    }

    static void pause(long ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    public static void main(String[] args) throws Exception {
        AtomicInteger n = new AtomicInteger();
        int max = setting("MAX");
        ThreadPoolExecutor pool = new ThreadPoolExecutor(max, max, 0, TimeUnit.SECONDS, new LinkedBlockingQueue<>(),
            r -> new Thread(r, "http-exec-" + n.incrementAndGet()));
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", setting("PORT")), 64);
        server.createContext("/", Subject::answer);
        server.setExecutor(task -> pool.execute(new Timed(task)));
        server.start();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        System.out.println("READY");
        in.readLine();
        Process load = new ProcessBuilder(System.getenv("LOAD"), setting("PORT") + "").inheritIO().start();
        if (load.waitFor() != 0)
            System.exit(1);
        try (PrintWriter out = new PrintWriter(System.getenv("OPS"))) {
            ops.forEach(out::println);
        }
        System.out.println(String.format(Locale.ROOT,
            "BOOKS {\"pool\": \"http-exec\", \"kind\": \"worker\", \"workers\": %d, \"books\": {\"acquires\": %d, \"active\": %d}}",
            pool.getPoolSize(), ops.size(), pool.getActiveCount()));
        in.readLine();
        System.exit(0);
    }
}
