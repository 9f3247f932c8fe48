/* SPDX-License-Identifier: MIT */
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;

/** Allocates for SECONDS in THREADS threads, keeps some of it alive, and says what the JVM's collector beans counted. */
public class Subject {
	static int env(String name) {
		return Integer.parseInt(System.getenv(name));
	}

	static void allocate(long end) {
		List<byte[]> kept = new ArrayList<>();
		for (int i = 1; System.nanoTime() < end; i++) {
			kept.add(new byte[10000]);
			if (kept.size() > 1500)
				kept.subList(0, 700).clear();
			if (i % 100 == 0)
				try {
					Thread.sleep(1);
				} catch (InterruptedException e) {
					return;
				}
		}
	}

	public static void main(String[] args) throws Exception {
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
		System.out.println("READY");
		in.readLine();
		long end = System.nanoTime() + env("LOAD_SECONDS") * 1_000_000_000L;
		List<Thread> threads = new ArrayList<>();
		for (int i = 0; i < env("THREADS"); i++)
			threads.add(new Thread(() -> allocate(end)));
		for (Thread thread : threads)
			thread.start();
		for (Thread thread : threads)
			thread.join();
		long count = 0, ms = 0;
		for (GarbageCollectorMXBean gc : ManagementFactory.getGarbageCollectorMXBeans()) {
			count += gc.getCollectionCount();
			ms += gc.getCollectionTime();
		}
		System.out.printf("BOOKS {\"library\":\"hotspot\",\"books\":{\"collections\":%d,\"collection_ms\":%d}}%n", count, ms);
		in.readLine();
	}
}
