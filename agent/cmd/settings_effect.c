/* SPDX-License-Identifier: MIT */
/* settings_effect.c - see settings.h: what holds where neither the file nor the command line says anything. */
#include "api/server.h"
#include "cmd/agent.h"
#include "cmd/flight.h"
#include "cmd/settings.h"
#include "config/config.h"
#include "detect/detect.h"
#include "probe/kernel.h"

int settings_make(struct arena *a, const struct config *file, const struct agent_options *o,
		  const char *recipe_folders, const struct kernel_limits *limits,
		  const struct detect_limits *wrong, const struct setting_row **ret, size_t *ret_n)
{
	const struct config options = { .listen_address = (char *)o->listen_address,
					.web_config_file = (char *)o->web_config_file,
					.socket_path = (char *)o->socket_path,
					.recipe_folders = (char *)o->recipe_folders };
	struct config effect = *file;

#define FIRST_OF(member, otherwise)                                                                \
	(options.member ? options.member : file->member ? file->member : (char *)(otherwise))
	effect.listen_address = FIRST_OF(listen_address, SERVER_LISTEN_ADDRESS);
	effect.web_config_file = FIRST_OF(web_config_file, "");
	effect.pid_label_text = FIRST_OF(pid_label_text, "no");
	effect.web_max_series = file->web_max_series ? file->web_max_series : PROMETHEUS_MAX_SERIES;
	effect.socket_path = FIRST_OF(socket_path, SERVER_SOCKET_PATH);
	effect.recipe_folders = (char *)recipe_folders;
	effect.recipe_mode_text = FIRST_OF(recipe_mode_text, "full");
	effect.probe_method_text = FIRST_OF(probe_method_text, "auto");
	effect.traffic_text = FIRST_OF(traffic_text, "auto");
	effect.limit_pools = limits->pools;
	effect.limit_pools_per_process = limits->pools_per_process;
	effect.limit_leases = limits->leases;
	effect.limit_waiters = limits->waiters;
	effect.limit_processes = limits->processes;
	effect.limit_sockets = limits->sockets;
	effect.limit_endpoints = limits->endpoints;
	effect.limit_threads = limits->threads;
	effect.no_progress_ms = limits->no_progress_ms;
	effect.leak_seconds = (uint32_t)(wrong->leak_ns / 1000000000);
	effect.wait_seconds = (uint32_t)(wrong->wait_ns / 1000000000);
	effect.flight_text = o->in_process ? (char *)"off" : FIRST_OF(flight_text, "on");
	effect.flight_folder = FIRST_OF(flight_folder, FLIGHT_FOLDER);
	effect.flight_minutes = file->flight_minutes ? file->flight_minutes : FLIGHT_MINUTES;
	effect.flight_megabytes =
		file->flight_megabytes ? file->flight_megabytes : FLIGHT_MEGABYTES;
	effect.flight_files = file->flight_files ? file->flight_files : FLIGHT_FILES;
#undef FIRST_OF
	return settings_fill(a, file, &options, &effect, ret, ret_n);
}
