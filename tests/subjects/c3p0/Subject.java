/* SPDX-License-Identifier: MIT */
import com.mchange.v2.c3p0.ComboPooledDataSource;
import java.sql.SQLException;
import javax.sql.DataSource;

/** The load on a c3p0 pool of MAX connections. */
public class Subject extends Load {
	final ComboPooledDataSource pool = new ComboPooledDataSource();

	DataSource open() throws SQLException {
		pool.setJdbcUrl(URL);
		pool.setUser("postgres");
		pool.setInitialPoolSize(MAX);
		pool.setMinPoolSize(MAX);
		pool.setMaxPoolSize(MAX);
		pool.setCheckoutTimeout(TIMEOUT_MS);
		while (pool.getNumConnectionsDefaultUser() < MAX)
			sleep(5);
		return pool;
	}

	/** Who took what is not counted by c3p0. */
	String books() throws SQLException {
		sleep(100); // a helper thread takes connections back
		return String.format("{\"pool\":\"c3p0\",\"kind\":\"connection\",\"library\":\"c3p0\",\"capacity\":%d,\"books\":"
			+ "{\"active\":%d,\"idle\":%d,\"total\":%d}}", MAX, pool.getNumBusyConnectionsDefaultUser(),
			pool.getNumIdleConnectionsDefaultUser(), pool.getNumConnectionsDefaultUser());
	}

	public static void main(String[] args) throws Exception {
		new Subject().run();
	}
}
