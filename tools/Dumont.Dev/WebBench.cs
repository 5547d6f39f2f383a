using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Dumont.Contracts;
using Microsoft.Data.Sqlite;

namespace Dumont.Dev;

/// <summary><c>./dumont bench web</c>: the list page with a thousand instances, and hundreds of pages that stay open. One instance is real and runs; the
/// others are copies of its records, which no reconciler looks at.</summary>
internal static partial class WebBench
{
    private const int Instances = 1000;
    private const int Loads = 200;
    private const int OpenPages = 500;
    private const int Changes = 20;

    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Open = TimeSpan.FromSeconds(30);

    private static TimeProvider Clock => TimeProvider.System;

    public static async Task<int> RunAsync(Repository repository, CancellationToken cancellationToken)
    {
        var data = Directory.CreateTempSubdirectory("dumont-bench-").FullName;
        var rows = new List<(string Name, string Value)>();
        try
        {
            var settings = UpSettings.Temporary(data);
            await using var stack = await Stack.StartAsync(repository, settings, cancellationToken);
            using var http = new HttpClient(new SocketsHttpHandler { CookieContainer = new CookieContainer() }) { BaseAddress = settings.ServerUrl, Timeout = TimeSpan.FromSeconds(60) };
            http.DefaultRequestHeaders.Accept.ParseAdd("text/html");
            await SignInAsync(http, stack.Password!, cancellationToken);
            var (client, id) = await RentAsync(settings, stack.Password!, cancellationToken);
            await CopyAsync(Path.Combine(data, "dumont.db"), id, cancellationToken);
            await Task.Delay(Settle, Clock, cancellationToken);

            await MeasureLoadsAsync(http, stack.ServerProcessId, rows, cancellationToken);
            await MeasureOpenPagesAsync(http, client, id, stack.ServerProcessId, rows, cancellationToken);
            await client.SendAsync(HttpMethod.Delete, $"/api/v1/instances/{id}", null, cancellationToken);
        }
        finally
        {
            Directory.Delete(data, recursive: true);
        }

        var table = string.Join('\n', rows.Select(row => $"| {row.Name} | {row.Value} |"));
        await Console.Out.WriteLineAsync(table);
        await Results.AppendAsync(repository, "web", table, cancellationToken);
        return 0;
    }

    private static async Task SignInAsync(HttpClient http, string password, CancellationToken cancellationToken)
    {
        var page = await http.GetStringAsync(new Uri("/sign-in", UriKind.Relative), cancellationToken);
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["form_token"] = Token().Match(page).Groups[1].Value,
            ["username"] = Stack.FirstUserEmail,
            ["password"] = password,
        });
        using var answer = await http.PostAsync(new Uri("/sign-in", UriKind.Relative), form, cancellationToken);
        answer.EnsureSuccessStatusCode();
    }

    private static async Task<(DumontClient Client, long Id)> RentAsync(UpSettings settings, string password, CancellationToken cancellationToken)
    {
        var client = new DumontClient(new HttpClient { Timeout = TimeSpan.FromSeconds(60) }, settings.ServerUrl);
        var login = new JsonObject { ["username"] = Stack.FirstUserEmail, ["password"] = password };
        client.Token = (await client.SendAsync(HttpMethod.Post, "/api/v1/auth/login", login, cancellationToken))!["access_token"]!.ToString();
        var request = new JsonObject { ["use_wizard"] = true, ["gpu_name"] = "RTX 4090", ["label"] = "bench" };
        var id = (await client.SendAsync(HttpMethod.Post, "/api/v1/instances", request, cancellationToken))!["id"]!.GetValue<long>();
        while ((await client.SendAsync(HttpMethod.Get, $"/api/v1/instances/{id}", null, cancellationToken))!["status"]!.ToString() != "running")
        {
            await Task.Delay(TimeSpan.FromMilliseconds(200), Clock, cancellationToken);
        }

        return (client, id);
    }

    private static async Task CopyAsync(string file, long id, CancellationToken cancellationToken)
    {
        SQLitePCL.Batteries_V2.Init();
        await using var connection = new SqliteConnection($"Data Source={file};Default Timeout=30");
        await connection.OpenAsync(cancellationToken);
        await using var command = connection.CreateCommand();
        command.CommandText =
            """
            BEGIN IMMEDIATE;
            CREATE TEMP TABLE copies AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $count) SELECT i FROM n;
            INSERT INTO instances (id, user_id, label, desired, status, generation, writer_machine_id, gateway_port, version, created_at, document)
                SELECT id + i, user_id, label || '-' || i, desired, status, generation, writer_machine_id, gateway_port + i, version, created_at, document
                FROM instances, copies WHERE id = $id;
            INSERT INTO machines (instance_id, user_id, role, ordinal, tag, provider, account, offer_id, exclusive_offer, provider_machine_id, desired, phase,
                    token_hash, version, created_at, document)
                SELECT instance_id + i, user_id, role, ordinal, tag || '-' || i, provider, account, offer_id, 0, provider_machine_id, desired, phase,
                    token_hash || i, version, created_at, document
                FROM machines, copies WHERE instance_id = $id;
            INSERT INTO instance_keys (instance_id, host_key, host_public_key, sync_key, sync_public_key)
                SELECT instance_id + i, host_key, host_public_key, sync_key, sync_public_key FROM instance_keys, copies WHERE instance_id = $id;
            COMMIT;
            """;
        command.Parameters.AddWithValue("$count", Instances - 1);
        command.Parameters.AddWithValue("$id", id);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task MeasureLoadsAsync(HttpClient http, int server, List<(string Name, string Value)> rows, CancellationToken cancellationToken)
    {
        var before = Usage(server).Cpu;
        var times = new List<double>();
        var bytes = 0;
        for (var i = 0; i < Loads; i++)
        {
            var started = Clock.GetTimestamp();
            using var answer = await http.GetAsync(new Uri("/instances", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            await using var body = await answer.Content.ReadAsStreamAsync(cancellationToken);
            await body.ReadExactlyAsync(new byte[1], cancellationToken);
            times.Add(Clock.GetElapsedTime(started).TotalMilliseconds);
            var page = Encoding.UTF8.GetBytes(await new StreamReader(body).ReadToEndAsync(cancellationToken));
            bytes = page.Length;
        }

        rows.Add(($"page with {Instances} instances, first byte, p50 of {Loads}", Milliseconds(Percentile(times, 0.5))));
        rows.Add(("… p95", Milliseconds(Percentile(times, 0.95))));
        rows.Add(("… processor time of the server", Milliseconds((Usage(server).Cpu - before).TotalMilliseconds / Loads)));
        rows.Add(("… size, not compressed", string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024} KB")));
    }

    private static async Task MeasureOpenPagesAsync(
        HttpClient http, DumontClient client, long id, int server, List<(string Name, string Value)> rows, CancellationToken cancellationToken)
    {
        await Task.Delay(Settle, Clock, cancellationToken);
        var before = Usage(server);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var page = await http.GetStringAsync(new Uri("/instances", UriKind.Relative), cancellationToken);
        var stream = WebUtility.HtmlDecode(Stream().Match(page).Groups[1].Value);
        var first = new Listener();
        List<Task> open = [first.ListenAsync(http, stream, stop.Token)];
        for (var i = 1; i < OpenPages; i++)
        {
            open.Add(new Listener().ListenAsync(http, stream, stop.Token));
        }

        await Task.Delay(Open, Clock, cancellationToken);
        var after = Usage(server);
        rows.Add(($"{OpenPages} open pages of {Instances} instances, memory more", string.Create(CultureInfo.InvariantCulture, $"{(after.Kib - before.Kib) / 1024.0:0.0} MB")));
        rows.Add(("… processor", string.Create(CultureInfo.InvariantCulture, $"{(after.Cpu - before.Cpu) / Open * 100:0} % of one core")));

        var delays = new List<double>();
        for (var i = 0; i < Changes; i++)
        {
            var label = $"changed-{i}-";
            var started = Clock.GetTimestamp();
            var heard = first.AwaitAsync(label);
            await client.SendAsync(HttpMethod.Patch, $"/api/v1/instances/{id}", new JsonObject { ["label"] = label }, cancellationToken);
            await heard.WaitAsync(TimeSpan.FromSeconds(30), Clock, cancellationToken);
            delays.Add(Clock.GetElapsedTime(started).TotalMilliseconds);
        }

        rows.Add(($"change to open page, p50 of {Changes}", Milliseconds(Percentile(delays, 0.5))));
        rows.Add(("… p95", Milliseconds(Percentile(delays, 0.95))));
        await stop.CancelAsync();
        await Task.WhenAll(open);
    }

    private static (double Kib, TimeSpan Cpu) Usage(int process)
    {
        using var running = Process.GetProcessById(process);
        return (running.WorkingSet64 / 1024.0, running.TotalProcessorTime);
    }

    private static double Percentile(IEnumerable<double> values, double share)
    {
        var sorted = values.Order().ToList();
        return sorted[Math.Min(sorted.Count - 1, (int)(sorted.Count * share))];
    }

    private static string Milliseconds(double value) => string.Create(CultureInfo.InvariantCulture, $"{value:0.0} ms");

    // One open page: reads and forgets, but for a word that somebody waits for.
    private sealed class Listener
    {
        private volatile string? _wanted;
        private TaskCompletionSource _heard = new();

        public Task AwaitAsync(string text)
        {
            _heard = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _wanted = text;
            return _heard.Task;
        }

        public async Task ListenAsync(HttpClient http, string path, CancellationToken cancellationToken)
        {
            try
            {
                using var answer = await http.GetAsync(new Uri(path, UriKind.Relative), HttpCompletionOption.ResponseHeadersRead, cancellationToken);
                answer.EnsureSuccessStatusCode();
                using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(cancellationToken));
                while (await reader.ReadLineAsync(cancellationToken) is { } line)
                {
                    if (_wanted is { } wanted && line.Contains(wanted, StringComparison.Ordinal))
                    {
                        _wanted = null;
                        _heard.TrySetResult();
                    }
                }
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                // Measured.
            }
        }
    }

    [GeneratedRegex("name=\"form_token\" value=\"([^\"]+)\"")]
    private static partial Regex Token();

    [GeneratedRegex("sse-connect=\"([^\"]+)\"")]
    private static partial Regex Stream();
}
