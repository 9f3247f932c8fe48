/* SPDX-License-Identifier: MIT */
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;

/**
 * A pool of MAX items in a fair ArrayBlockingQueue: THREADS threads take one ITERS times, keep it HOLD_MS, put it back, and think
 * THINK_MS; IDLE more threads wait for work that never comes. Who waits in a queue is parked, and nothing else in here parks.
 *
 * Two books. The flight recorder of the JVM has each park of each thread, between the two points that a tracer sees. The threads
 * themselves note when they asked the queue and when it answered.
 */
public class Subject {
	static final int THREADS = env("THREADS"), MAX = env("MAX"), ITERS = env("ITERS"), HOLD_MS = env("HOLD_MS"),
		THINK_MS = env("THINK_MS"), TIMEOUT_MS = env("TIMEOUT_MS"), IDLE = env("IDLE");

	final BlockingQueue<Integer> pool = new ArrayBlockingQueue<>(MAX, true);
	long takes, gaveUp, waitNs;

	static int env(String name) {
		return Integer.parseInt(System.getenv(name));
	}

	synchronized void note(long takes, long gaveUp, long waitNs) {
		this.takes += takes;
		this.gaveUp += gaveUp;
		this.waitNs += waitNs;
	}

	void work() {
		long takes = 0, gaveUp = 0, waitNs = 0;
		try {
			for (int i = 0; i < ITERS; i++) {
				long begin = System.nanoTime();
				Integer item = pool.poll(TIMEOUT_MS, TimeUnit.MILLISECONDS);
				waitNs += System.nanoTime() - begin;
				if (item == null) {
					gaveUp++;
				} else {
					takes++;
					Thread.sleep(HOLD_MS);
					pool.put(item);
				}
				Thread.sleep(THINK_MS);
			}
		} catch (InterruptedException e) {
			throw new IllegalStateException(e);
		}
		note(takes, gaveUp, waitNs);
	}

	void load() throws InterruptedException {
		List<Thread> workers = new ArrayList<>();

		for (int i = 0; i < 10; i++) // loads the classes, which would seem to be waiting
			pool.poll(1, TimeUnit.MILLISECONDS);
		for (int i = 0; i < MAX; i++)
			pool.put(i);
		for (int i = 0; i < THREADS; i++)
			workers.add(new Thread(this::work, "worker-" + i));
		for (Thread worker : workers)
			worker.start();
		for (Thread worker : workers)
			worker.join();
	}

	static long ns(Instant t) {
		return t.getEpochSecond() * 1_000_000_000 + t.getNano();
	}

	/** Writes the parks as operations, and returns what the workers did as JSON. */
	String books(Path recorded, long clockNs) throws IOException {
		long parks = 0, parkNs = 0;

		try (PrintWriter ops = new PrintWriter(System.getenv("OPS"))) {
			for (RecordedEvent park : RecordingFile.readAllEvents(recorded)) {
				long begin = ns(park.getStartTime()) - clockNs, end = begin + park.getDuration().toNanos();

				ops.println(begin + " " + end + " " + end + " " + end);
				if (park.getThread() != null && park.getThread().getJavaName().startsWith("worker-")) {
					parks++;
					parkNs += end - begin;
				}
			}
		}
		return String.format(Locale.ROOT, "{\"takes\":%d,\"gave_up\":%d,\"wait_sum_ms\":%.3f,\"parks\":%d,\"park_sum_ms\":%.3f}", takes,
			gaveUp, waitNs / 1e6, parks, parkNs / 1e6);
	}

	void run() throws Exception {
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
		Path recorded = Path.of(System.getenv("TMP"), "recorded.jfr");
		long clockNs;
		String workers;

		try (Recording recording = new Recording()) {
			recording.enable("jdk.ThreadPark").withThreshold(Duration.ZERO).withoutStackTrace();
			recording.start();
			clockNs = ns(Instant.now()) - System.nanoTime();
			in.readLine();
			ThreadPoolExecutor idle = (ThreadPoolExecutor) Executors.newFixedThreadPool(IDLE + 1);
			for (int i = 0; i < IDLE; i++)
				idle.prestartCoreThread();
			load();
			recording.stop();
			recording.dump(recorded);
		}
		workers = books(recorded, clockNs);
		System.out.printf("BOOKS {\"pool\":\"jvm-park\",\"kind\":\"lock\",\"library\":\"jvm-park\",\"capacity\":null,\"idle_threads\":%d,"
			+ "\"workers\":%s}%n", IDLE, workers);
		in.readLine();
		System.exit(0);
	}

	public static void main(String[] args) throws Exception {
		new Subject().run();
	}
}
