// SPDX-License-Identifier: MIT
// The OpenTelemetry Collector with what its core has for OTLP: Debian ships its source as a library, and no program. Built by
// tests/receivers/fetch-servers.
package main

import (
	"log"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/connector/forwardconnector"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/debugexporter"
	"go.opentelemetry.io/collector/exporter/nopexporter"
	"go.opentelemetry.io/collector/exporter/otlpexporter"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/memorylimiterextension"
	"go.opentelemetry.io/collector/extension/zpagesextension"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/batchprocessor"
	"go.opentelemetry.io/collector/processor/memorylimiterprocessor"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/nopreceiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

func must[T component.Factory](list ...T) map[component.Type]T {
	factories, err := otelcol.MakeFactoryMap(list...)
	if err != nil {
		log.Fatal(err)
	}
	return factories
}

func components() (otelcol.Factories, error) {
	return otelcol.Factories{
		Receivers:  must[receiver.Factory](otlpreceiver.NewFactory(), nopreceiver.NewFactory()),
		Processors: must[processor.Factory](batchprocessor.NewFactory(), memorylimiterprocessor.NewFactory()),
		Exporters: must[exporter.Factory](debugexporter.NewFactory(), nopexporter.NewFactory(), otlpexporter.NewFactory(),
			otlphttpexporter.NewFactory()),
		Extensions: must[extension.Factory](memorylimiterextension.NewFactory(), zpagesextension.NewFactory()),
		Connectors: must[connector.Factory](forwardconnector.NewFactory()),
		Telemetry:  otelconftelemetry.NewFactory(),
	}, nil
}

func main() {
	settings := otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{Command: "otelcol", Description: "core, for tests", Version: "debian"},
		Factories: components,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory(), envprovider.NewFactory(), yamlprovider.NewFactory()},
			DefaultScheme:     "env",
		}},
	}
	if err := otelcol.NewCommand(settings).Execute(); err != nil {
		log.Fatal(err)
	}
}
