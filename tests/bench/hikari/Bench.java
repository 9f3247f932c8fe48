/* SPDX-License-Identifier: MIT */
import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import com.zaxxer.hikari.metrics.IMetricsTracker;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Scanner;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Eight threads on three connections of HikariCP. Prints READY, and for each line read from standard input, which says for how many ms to
 * run queries of how many us, how many were made. The threads stay, so that their CPU time does. With a second argument the pool tells a tracker what it
 * measures of itself, and that keeps histograms, as metrics libraries do.
 */
public class Bench {
	/** Two histograms by powers of two, and a count. */
	static class Tracker implements IMetricsTracker {
		final AtomicLongArray waits = new AtomicLongArray(64), holds = new AtomicLongArray(64);
		final AtomicLong timeouts = new AtomicLong();

		public void recordConnectionAcquiredNanos(long ns) {
			waits.incrementAndGet(63 - Long.numberOfLeadingZeros(ns | 1));
		}

		public void recordConnectionUsageMillis(long ms) {
			holds.incrementAndGet(63 - Long.numberOfLeadingZeros(ms | 1));
		}

		public void recordConnectionTimeout() {
			timeouts.incrementAndGet();
		}
	}

	static volatile long until;
	static volatile String query;

	static void work(HikariDataSource pool, AtomicLong n) {
		try {
			for (;;) {
				if (System.nanoTime() >= until) {
					Thread.sleep(5);
					continue;
				}
				try (Connection connection = pool.getConnection(); Statement statement = connection.createStatement()) {
					statement.execute(query);
				}
				n.incrementAndGet();
			}
		} catch (SQLException | InterruptedException e) {
			e.printStackTrace();
			System.exit(1);
		}
	}

	public static void main(String[] args) throws Exception {
		HikariConfig config = new HikariConfig();
		config.setJdbcUrl("jdbc:postgresql://127.0.0.1:" + args[0] + "/app");
		config.setUsername("postgres");
		config.setMaximumPoolSize(3);
		if (args.length > 1)
			config.setMetricsTrackerFactory((name, stats) -> new Tracker());
		HikariDataSource pool = new HikariDataSource(config);
		AtomicLong n = new AtomicLong();
		until = System.nanoTime();
		for (int i = 0; i < 8; i++) {
			Thread worker = new Thread(() -> work(pool, n), "worker-" + i);
			worker.setDaemon(true);
			worker.start();
		}
		Scanner in = new Scanner(System.in);
		System.out.println("READY");
		while (in.hasNextInt()) {
			int ms = in.nextInt();
			query = "select pg_sleep(" + in.nextInt() / 1e6 + ")";
			long before = n.get();
			until = System.nanoTime() + ms * 1000000L;
			Thread.sleep(ms + 50);
			System.out.println(n.get() - before);
		}
		System.exit(0);
	}
}
