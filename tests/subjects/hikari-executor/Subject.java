/* SPDX-License-Identifier: MIT */
import com.zaxxer.hikari.HikariDataSource;
import java.io.PrintWriter;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import javax.sql.DataSource;

/**
 * Tasks go through an executor to THREADS workers, which share a HikariCP pool that is larger than they need. With SUBMITTER=1 who
 * submits takes a connection and runs a short query before each task.
 */
public class Subject extends Hikari {
	static final boolean SUBMITTER = env("SUBMITTER") == 1;

	static final int POLL_MS = env("POLL_MS");

	/** Workers look for tasks POLL_MS long, and do something else for 2 ms when there is none. */
	static class PolledQueue extends LinkedBlockingQueue<Runnable> {
		@Override
		public Runnable take() throws InterruptedException {
			for (;;) {
				Runnable task = poll(POLL_MS, TimeUnit.MILLISECONDS);
				if (task != null)
					return task;
				Thread.sleep(2);
			}
		}
	}

	final Queue<String> tasks = new ConcurrentLinkedQueue<>();
	final AtomicLong idleNs = new AtomicLong();
	final ThreadLocal<Long> lastEnded = new ThreadLocal<>(); // of this worker
	ThreadPoolExecutor executor;

	@Override
	HikariDataSource open() {
		super.open();
		executor = new ThreadPoolExecutor(THREADS, THREADS, 0, TimeUnit.SECONDS,
			POLL_MS > 0 ? new PolledQueue() : new LinkedBlockingQueue<>());
		executor.prestartAllCoreThreads();
		return pool;
	}

	@Override
	void load(DataSource source) throws Exception {
		for (int i = 0; i < ITERS; i++) {
			if (SUBMITTER)
				use(source, 0);
			long submitted = System.nanoTime();
			executor.execute(() -> {
				long started = System.nanoTime();
				if (lastEnded.get() != null)
					idleNs.addAndGet(started - lastEnded.get());
				use(source, 1);
				long ended = System.nanoTime();
				lastEnded.set(ended);
				tasks.add(submitted + " " + started + " " + ended + " " + ended);
			});
			sleep(THINK_MS);
		}
		executor.shutdown();
		if (!executor.awaitTermination(60, TimeUnit.SECONDS))
			throw new IllegalStateException("the tasks did not end");
		try (PrintWriter out = new PrintWriter(System.getenv("OPS") + ".workers")) {
			tasks.forEach(out::println);
		}
	}

	String books() {
		var now = pool.getHikariPoolMXBean();
		return String.format("{\"pool\":\"hikari\",\"kind\":\"connection\",\"library\":\"HikariCP\",\"capacity\":%d,\"books\":"
			+ "{\"active\":%d,\"idle\":%d,\"total\":%d},\"idle_ms\":%.3f,\"workers\":{\"kind\":\"worker\",\"capacity\":%d}}",
			MAX, now.getActiveConnections(), now.getIdleConnections(), now.getTotalConnections(), idleNs.get() / 1e6, THREADS);
	}

	public static void main(String[] args) throws Exception {
		new Subject().run();
	}
}
