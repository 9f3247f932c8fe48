/* SPDX-License-Identifier: MIT */
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import javax.sql.DataSource;

/**
 * The load of every JDBC subject: each of THREADS threads ITERS times takes a connection, runs a query of QUERY_MS, keeps the
 * connection HOLD_MS longer, gives it back, and thinks THINK_MS. A subclass opens the pool and reads the pool's own books.
 * JITTER=1 draws query and think time from an exponential distribution with these means. LEAK connections are taken by a
 * thread that ends without giving them back. Operations are logged in ns of System.nanoTime, which is CLOCK_MONOTONIC.
 */
public abstract class Load {
	static final int THREADS = env("THREADS"), MAX = env("MAX"), ITERS = env("ITERS"), QUERY_MS = env("QUERY_MS"),
		HOLD_MS = env("HOLD_MS"), THINK_MS = env("THINK_MS"), LEAK = env("LEAK"), TIMEOUT_MS = env("TIMEOUT_MS");
	static final boolean JITTER = env("JITTER") == 1, LATE = env("LATE") == 1;
	static final String URL = "jdbc:postgresql://127.0.0.1:" + System.getenv("PGPORT") + "/app";

	final List<String> ops = Collections.synchronizedList(new ArrayList<>());
	final List<Connection> leaked = Collections.synchronizedList(new ArrayList<>());

	/** Makes the pool with MAX connections, all of them open. */
	abstract DataSource open() throws Exception;

	/** A JSON object: pool, kind, library, capacity, and under `books` what the pool counted. */
	abstract String books() throws Exception;

	static int env(String name) {
		return Integer.parseInt(System.getenv().getOrDefault(name, "0"));
	}

	static void sleep(double ms) {
		try {
			Thread.sleep((long) ms, (int) (ms * 1e6 % 1e6));
		} catch (InterruptedException e) {
			Thread.currentThread().interrupt();
		}
	}

	/** Runs the threads that the subject's load consists of. */
	void load(DataSource pool) throws Exception {
		List<Thread> workers = new ArrayList<>();
		for (int i = 0; i < THREADS; i++) {
			Random random = new Random(i);
			workers.add(new Thread(() -> {
				for (int k = 0; k < ITERS; k++) {
					use(pool, JITTER ? -Math.log(1 - random.nextDouble()) : 1);
					sleep(THINK_MS * (JITTER ? -Math.log(1 - random.nextDouble()) : 1));
				}
			}, "worker-" + i));
		}
		for (Thread worker : workers)
			worker.start();
		for (Thread worker : workers)
			worker.join();
	}

	/** One operation: take, query, keep, give back. */
	void use(DataSource pool, double factor) {
		long begin = System.nanoTime(), acquired, release;
		try {
			Connection connection;
			try {
				connection = pool.getConnection();
			} catch (SQLException timeout) {
				ops.add(begin + " 0 0 " + System.nanoTime());
				return;
			}
			acquired = System.nanoTime();
			try (Statement statement = connection.createStatement()) {
				statement.execute("select pg_sleep(" + QUERY_MS * factor / 1000 + ")");
			}
			sleep(HOLD_MS);
			release = System.nanoTime();
			connection.close();
			ops.add(begin + " " + acquired + " " + release + " " + System.nanoTime());
		} catch (SQLException e) {
			e.printStackTrace();
			System.exit(1);
		}
	}

	private void leak(DataSource pool) throws InterruptedException {
		Thread leaker = new Thread(() -> {
			for (int i = 0; i < LEAK; i++) {
				long begin = System.nanoTime();
				try {
					leaked.add(pool.getConnection());
				} catch (SQLException e) {
					throw new IllegalStateException(e);
				}
				ops.add(begin + " " + System.nanoTime() + " 0 0");
			}
		}, "leaker");
		leaker.start();
		leaker.join();
	}

	/** The protocol of lib.sh. */
	void run() throws Exception {
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
		DataSource pool = LATE ? open() : null;
		System.out.println("READY");
		in.readLine();
		if (pool == null)
			pool = open();
		leak(pool);
		load(pool);
		try (PrintWriter out = new PrintWriter(System.getenv("OPS"))) {
			ops.forEach(out::println);
		}
		System.out.println("BOOKS " + books());
		in.readLine();
		System.exit(0);
	}
}
