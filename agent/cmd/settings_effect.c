/* SPDX-License-Identifier: MIT */
/* settings_effect.c - see settings.h: what holds where neither the file nor the command line says anything. */
#include "api/server.h"
#include "cmd/agent.h"
#include "cmd/flight.h"
#include "cmd/loaded.h"
#include "cmd/settings.h"
#include "config/config.h"
#include "detect/detect.h"
#include "exporters/otlp_settings.h"
#include "probe/kernel.h"

#define URL_BYTES 256	/* room to show one */

/* Of the values that the environment and the file give for all signals. URLs go into `shown`, without their secrets. */
static void take_otlp(const struct otlp_settings *otlp, const struct config *file,
		      struct config *effect, char shown[3][URL_BYTES])
{
	const struct config *e = &otlp->environment;
	char **url[] = { &effect->otlp_endpoint, &effect->otlp_metrics_endpoint,
			 &effect->otlp_logs_endpoint };

#define FIRST_OF(member, otherwise)                                                                \
	effect->member = e->member ? e->member : file->member ? file->member : (char *)(otherwise)
	FIRST_OF(otlp_endpoint, NULL);
	FIRST_OF(otlp_metrics_endpoint, NULL);
	FIRST_OF(otlp_logs_endpoint, NULL);
	FIRST_OF(otlp_metrics, "on");
	FIRST_OF(otlp_logs, "on");
	FIRST_OF(otlp_protocol, otlp_protocol_name(OTLP_HTTP_PROTOBUF));
	FIRST_OF(otlp_compression, "gzip");
	FIRST_OF(otlp_insecure, "off");
	FIRST_OF(otlp_certificate, NULL);
	FIRST_OF(otlp_client_certificate, NULL);
	FIRST_OF(otlp_client_key, NULL);
	FIRST_OF(otlp_temporality, otlp_temporality_name(otlp->temporality));
	FIRST_OF(otlp_histogram, otlp_histogram_name(otlp->histogram));
	FIRST_OF(otlp_exemplars, "on");
#undef FIRST_OF
	for (int i = 0; i < 3; i++)
		if (*url[i])
			*url[i] = (char *)otlp_url_show(*url[i], shown[i], URL_BYTES);
	if (!effect->otlp_timeout_ms || e->otlp_timeout_ms)
		effect->otlp_timeout_ms = e->otlp_timeout_ms ? e->otlp_timeout_ms : OTLP_TIMEOUT_MS;
	effect->otlp_interval_ms = otlp->interval_ms ? otlp->interval_ms : OTLP_INTERVAL_MS;
	effect->otlp_queue_megabytes =
		(uint32_t)((otlp->max_queue_bytes ? otlp->max_queue_bytes : OTLP_QUEUE_BYTES) >>
			   20);
	effect->otlp_max_age_seconds =
		(uint32_t)((otlp->max_age_ms ? otlp->max_age_ms : OTLP_MAX_AGE_MS) / 1000);
}

/* POOLSCOPE_* and, over them, OTEL_*. Borrowed strings. */
static struct config environment_of(const struct loaded *l)
{
	struct config both = l->environment;
	const struct config *otel = &l->otlp.environment;

#define KEY_STRING(section, name, member, when, otherwise, text)                                   \
	both.member = otel->member ? otel->member : both.member;
#define KEY_NUMBER(section, name, member, when, otherwise, least, most, text)                      \
	both.member = otel->member ? otel->member : both.member;
#include "config/config_keys.def"
	return both;
}

int settings_make(struct arena *a, const struct loaded *loaded, const struct agent_options *o,
		  const char *recipe_folders, const struct kernel_limits *limits,
		  const struct detect_limits *wrong, const struct setting_row **ret, size_t *ret_n)
{
	const struct config environment = environment_of(loaded), *file = &loaded->config;
	const struct config options = { .listen_address = (char *)o->listen_address,
					.web_config_file = (char *)o->web_config_file,
					.socket_path = (char *)o->socket_path,
					.recipe_folders = (char *)o->recipe_folders };
	struct config effect = *file;
	char shown[3][URL_BYTES];

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
	effect.taken_stacks_text = FIRST_OF(taken_stacks_text, "auto");
	effect.limit_pools = limits->pools;
	effect.limit_pools_per_process = limits->pools_per_process;
	effect.limit_leases = limits->leases;
	effect.limit_taken_stacks = limits->taken;
	effect.limit_waiters = limits->waiters;
	effect.limit_processes = limits->processes;
	effect.limit_sockets = limits->sockets;
	effect.limit_endpoints = limits->endpoints;
	effect.limit_threads = limits->threads;
	effect.no_progress_ms = limits->no_progress_ms;
	effect.leak_seconds = (uint32_t)(wrong->leak_ns / 1000000000);
	effect.wait_seconds = (uint32_t)(wrong->wait_ns / 1000000000);
	effect.step_down_text = FIRST_OF(step_down_text, "on");
	effect.budget_target_percent =
		file->budget_target_percent ? file->budget_target_percent : BUDGET_TARGET_PERCENT;
	effect.budget_target_floor_ms = file->budget_target_floor_ms ? file->budget_target_floor_ms
								     : BUDGET_TARGET_FLOOR_MS;
	effect.budget_agent_percent =
		file->budget_agent_percent ? file->budget_agent_percent : BUDGET_AGENT_PERCENT;
	effect.flight_text = o->in_process ? (char *)"off" : FIRST_OF(flight_text, "on");
	effect.flight_folder = FIRST_OF(flight_folder, FLIGHT_FOLDER);
	effect.flight_minutes = file->flight_minutes ? file->flight_minutes : FLIGHT_MINUTES;
	effect.flight_megabytes =
		file->flight_megabytes ? file->flight_megabytes : FLIGHT_MEGABYTES;
	effect.flight_files = file->flight_files ? file->flight_files : FLIGHT_FILES;
#undef FIRST_OF
	take_otlp(&loaded->otlp, file, &effect, shown);
	return settings_fill(a, &loaded->file, &environment, &options, &effect, ret, ret_n);
}
