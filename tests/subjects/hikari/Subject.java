/* SPDX-License-Identifier: MIT */
import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariPoolMXBean;
import com.zaxxer.hikari.metrics.IMetricsTracker;
import java.util.concurrent.atomic.AtomicLong;

/** HikariCP with its metrics callbacks as books. */
public class Subject extends Hikari {
	final AtomicLong acquires = new AtomicLong(), waitNs = new AtomicLong(), releases = new AtomicLong(),
		usageMs = new AtomicLong(), timeouts = new AtomicLong(), created = new AtomicLong();

	@Override
	void configure(HikariConfig config) {
		config.setMetricsTrackerFactory((name, stats) -> new IMetricsTracker() {
			public void recordConnectionCreatedMillis(long ms) {
				created.incrementAndGet();
			}

			public void recordConnectionAcquiredNanos(long ns) {
				acquires.incrementAndGet();
				waitNs.addAndGet(ns);
			}

			public void recordConnectionUsageMillis(long ms) {
				releases.incrementAndGet();
				usageMs.addAndGet(ms);
			}

			public void recordConnectionTimeout() {
				timeouts.incrementAndGet();
			}
		});
	}

	/** HikariCP reports a timed-out acquire as acquired too, so its wait_sum_ms includes them. */
	String books() {
		HikariPoolMXBean now = pool.getHikariPoolMXBean();
		return String.format("{\"pool\":\"hikari\",\"kind\":\"connection\",\"library\":\"HikariCP\",\"capacity\":%d,\"books\":"
			+ "{\"acquires\":%d,\"releases\":%d,\"timeouts\":%d,\"created\":%d,\"wait_sum_ms\":%.3f,\"usage_sum_ms\":%d,"
			+ "\"active\":%d,\"idle\":%d,\"total\":%d}}", MAX, acquires.get() - timeouts.get(), releases.get(), timeouts.get(),
			created.get(), waitNs.get() / 1e6, usageMs.get(), now.getActiveConnections(), now.getIdleConnections(),
			now.getTotalConnections());
	}

	/** Nodes that point at each other: what a collector takes longest for. */
	static final class Node {
		final Node next;
		final byte[] rest = new byte[40];

		Node(Node next) {
			this.next = next;
		}
	}

	static void collect(int everyMs, int liveMb) {
		Node[] live = new Node[liveMb * 100]; // some 10 kB each
		for (int i = 0; i < live.length; i++)
			for (int k = 0; k < 125; k++)
				live[i] = new Node(live[i]);
		Thread collector = new Thread(() -> {
			while (live != null) {
				sleep(everyMs);
				System.gc();
			}
		}, "collector");
		collector.setDaemon(true);
		collector.start();
	}

	public static void main(String[] args) throws Exception {
		if (env("GC_EVERY_MS") > 0)
			collect(env("GC_EVERY_MS"), env("LIVE_MB"));
		new Subject().run();
	}
}
