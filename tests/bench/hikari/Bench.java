/* SPDX-License-Identifier: MIT */
import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Scanner;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Eight threads on three connections of HikariCP. Prints READY, and for each line read from standard input, which says for how many ms to
 * run queries of how many us, how many were made. The threads stay, so that their CPU time does.
 */
public class Bench {
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
