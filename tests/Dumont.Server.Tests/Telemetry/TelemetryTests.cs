using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using Dumont.Server.Telemetry;
using static Dumont.Server.Tests.TestServer;

namespace Dumont.Server.Tests.Telemetry;

public sealed class TelemetryTests
{
    [Fact]
    public void Write_Families_IsTheTextFormat()
    {
        var counter = new MetricFamily("dumont_x_total", "Say \"hi\" \\ and\nbye", MetricKind.Counter, []);
        counter.Of("""b="2",a="1" """.Trim())!.Add(3);
        counter.Of("")!.Add(0.5);
        var histogram = new MetricFamily("dumont_h_seconds", "H", MetricKind.Histogram, [0.1, 1]);
        foreach (var value in (double[])[0.05, 0.1, 0.5, 7])
        {
            histogram.Of("a=\"1\"")!.Observe(value);
        }

        var empty = new MetricFamily("dumont_none", "", MetricKind.Gauge, []);
        var text = PrometheusText.Write([counter, histogram, empty]);

        Assert.Equal(
            """
            # HELP dumont_x_total Say "hi" \\ and\nbye
            # TYPE dumont_x_total counter
            dumont_x_total 0.5
            dumont_x_total{b="2",a="1"} 3
            # HELP dumont_h_seconds H
            # TYPE dumont_h_seconds histogram
            dumont_h_seconds_bucket{a="1",le="0.1"} 2
            dumont_h_seconds_bucket{a="1",le="1"} 3
            dumont_h_seconds_bucket{a="1",le="+Inf"} 4
            dumont_h_seconds_sum{a="1"} 7.65
            dumont_h_seconds_count{a="1"} 4

            """,
            text);
    }

    [Fact]
    public void Labels_Hostile_AreEscapedAndSorted()
    {
        KeyValuePair<string, object?>[] tags = [new("z", "a\"b\\c\nd"), new("http.route", "/x/{id}"), new("1st", null), new("n", 1.5)];
        Assert.Equal("""_1st="",http_route="/x/{id}",n="1.5",z="a\"b\\c\nd" """.Trim(), PrometheusText.LabelsOf(tags));
    }

    [Fact]
    public void Collect_Instruments_AreNamedAndTyped()
    {
        using var collector = new MeterCollector();
        using var meter = new Meter("Dumont.Test." + Guid.NewGuid());
        var names = new List<string?> { "a", "b" };
        meter.CreateCounter<long>("dumont.test.things").Add(2, new KeyValuePair<string, object?>("kind", "x"));
        meter.CreateCounter<double>("dumont_test_spent_usd_total").Add(1.25);
        meter.CreateHistogram<double>("dumont.test.wait", "s").Record(0.2);
        var level = meter.CreateUpDownCounter<int>("dumont.test.level");
        level.Add(3);
        level.Add(-1);
        meter.CreateObservableGauge(
            "dumont_test_seen", () => names.Select(name => new Measurement<int>(1, new KeyValuePair<string, object?>("name", name))));
        var text = PrometheusText.Write(collector.Collect());

        Assert.Contains("# TYPE dumont_test_things_total counter\ndumont_test_things_total{kind=\"x\"} 2\n", text, StringComparison.Ordinal);
        Assert.Contains("\ndumont_test_spent_usd_total 1.25\n", text, StringComparison.Ordinal);
        Assert.Contains("\ndumont_test_wait_seconds_count 1\n", text, StringComparison.Ordinal);
        Assert.Contains("# TYPE dumont_test_level gauge\ndumont_test_level 2\n", text, StringComparison.Ordinal);
        Assert.Contains("dumont_test_seen{name=\"b\"} 1\n", text, StringComparison.Ordinal);

        names.Remove("b");
        Assert.DoesNotContain("dumont_test_seen{name=\"b\"}", PrometheusText.Write(collector.Collect()), StringComparison.Ordinal);
    }

    [Fact]
    public void Series_TooMany_AreDropped()
    {
        var family = new MetricFamily("x", "", MetricKind.Counter, []);
        for (var i = 0; i < MetricFamily.SeriesMax; i++)
        {
            Assert.NotNull(family.Of($"i=\"{i}\""));
        }

        Assert.Null(family.Of("i=\"more\""));
    }

    [Fact]
    public async Task Scrape_MetricsPort_HasProcessRequestsAndHealthAndNothingElse()
    {
        // Somebody may take the port between the two lines; then it is tried with another.
        TestServer? server = null;
        var port = 0;
        for (var attempt = 0; server is null; attempt++)
        {
            port = FreePort();
            try
            {
                server = await StartAsync($"Server:MetricsPort={port}");
            }
            catch (IOException) when (attempt < 5)
            {
            }
        }

        await using var running = server;
        await GetAsync(server.Client, "/health");
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        using var response = await client.GetAsync("/metrics", TestContext.Current.CancellationToken);
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", response.Content.Headers.ContentType?.ToString());
        foreach (var name in (string[])
            ["process_cpu_seconds_total", "process_resident_memory_bytes", "http_server_request_duration_seconds_bucket", "dumont_health_status{component=\"database\"} 1"])
        {
            Assert.Contains("\n" + name, text, StringComparison.Ordinal);
        }

        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/health", TestContext.Current.CancellationToken)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/api/v1/auth/me", TestContext.Current.CancellationToken)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Client.GetAsync("/metrics", TestContext.Current.CancellationToken)).StatusCode);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
