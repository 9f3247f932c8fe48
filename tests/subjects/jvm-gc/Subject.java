/* SPDX-License-Identifier: MIT */
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;

/** Allocates for SECONDS in THREADS threads, keeps some of it alive, computes in COMPUTING others, and says what the JVM's collector beans
 * counted; stops the world DUMPS times for something else. */
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

	static volatile long result;

	static void compute(long end) {
		long x = 1;
		while (System.nanoTime() < end)
			x = x * 31 + 7;
		result = x;
	}

	/** A connection to itself, over which something has gone, so that it is a process to follow. */
	static Socket connectSelf() throws Exception {
		ServerSocket listener = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
		Socket from = new Socket(listener.getInetAddress(), listener.getLocalPort());
		Socket to = listener.accept();
		from.getOutputStream().write(1);
		to.getInputStream().read();
		return from;
	}

	public static void main(String[] args) throws Exception {
		Socket connection = connectSelf();
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
		System.out.println("READY");
		in.readLine();
		long end = System.nanoTime() + env("LOAD_SECONDS") * 1_000_000_000L;
		List<Thread> threads = new ArrayList<>();
		for (int i = 0; i < env("THREADS"); i++)
			threads.add(new Thread(() -> allocate(end)));
		for (int i = 0; i < env("COMPUTING"); i++)
			threads.add(new Thread(() -> compute(end)));
		for (Thread thread : threads)
			thread.start();
		for (Thread thread : threads)
			thread.join();
		for (int i = 0; i < env("DUMPS"); i++)
			Thread.getAllStackTraces();
		Thread.sleep(300); // a collector that works beside the threads has pauses after them
		long count = 0, ms = 0;
		for (GarbageCollectorMXBean gc : ManagementFactory.getGarbageCollectorMXBeans()) {
			count += gc.getCollectionCount();
			ms += gc.getCollectionTime();
		}
		System.out.printf("BOOKS {\"library\":\"hotspot\",\"books\":{\"collections\":%d,\"collection_ms\":%d}}%n", count, ms);
		in.readLine();
		connection.close();
	}
}
