/* SPDX-License-Identifier: MIT */
import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;

/** The load on a HikariCP pool of MAX connections. */
public abstract class Hikari extends Load {
	HikariDataSource pool;

	/** What a subject wants beyond the common settings. */
	void configure(HikariConfig config) {
	}

	HikariDataSource open() {
		HikariConfig config = new HikariConfig();
		config.setPoolName("hikari");
		config.setJdbcUrl(URL);
		config.setUsername("postgres");
		config.setMaximumPoolSize(MAX);
		config.setConnectionTimeout(TIMEOUT_MS);
		configure(config);
		pool = new HikariDataSource(config);
		while (pool.getHikariPoolMXBean().getTotalConnections() < MAX)
			sleep(5);
		return pool;
	}
}
