using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Dumont.Contracts;

namespace Dumont.Dev;

/// <summary><c>./dumont bench api</c>: what a user waits for, on a server of its own. Measures and writes down; judges nothing.</summary>
internal static partial class ApiBench
{
    private const int Connections = 32;
    private const int HelpRuns = 20;
    private const int Creates = 12;

    private static readonly TimeSpan ReadTime = TimeSpan.FromSeconds(10);

    private sealed record Row(string Name, string Value);

    public static async Task<int> RunAsync(Repository repository, CancellationToken cancellationToken)
    {
        var data = Directory.CreateTempSubdirectory("dumont-bench-").FullName;
        List<Row> rows = [];
        try
        {
            rows.Add(await MeasureHelpAsync(repository, cancellationToken));
            var started = TimeProvider.System.GetTimestamp();
            var settings = UpSettings.Temporary(data);
            await using var stack = await Stack.StartAsync(repository, settings, cancellationToken);
            rows.Add(new Row("`./dumont up` to ready, built", Milliseconds(TimeProvider.System.GetElapsedTime(started))));
            await MeasureServerAsync(repository, settings, stack, data, rows, cancellationToken);
        }
        finally
        {
            Directory.Delete(data, recursive: true);
        }

        var table = string.Join('\n', rows.Select(r => $"| {r.Name} | {r.Value} |"));
        await Console.Out.WriteLineAsync(table);
        await Results.AppendAsync(repository, "api", table, cancellationToken);
        return 0;
    }

    private static async Task MeasureServerAsync(
        Repository repository, UpSettings settings, Stack stack, string data, List<Row> rows, CancellationToken cancellationToken)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(60) };
        var client = new DumontClient(http, settings.ServerUrl);
        var login = new JsonObject { ["username"] = Stack.FirstUserEmail, ["password"] = stack.Password };
        client.Token = (await client.SendAsync(HttpMethod.Post, "/api/v1/auth/login", login, cancellationToken))!["access_token"]!.ToString();

        // The CLI is the user here, with a home of its own.
        var environment = new Dictionary<string, string>
        {
            ["HOME"] = data,
            ["DUMONT_BASE_URL"] = settings.ServerUrl.AbsoluteUri.TrimEnd('/'),
            ["DUMONT_TOKEN"] = client.Token,
        };
        var started = TimeProvider.System.GetTimestamp();
        var id = await CliAsync(repository, data, environment, ["instance", "create", "wizard", "label=bench", "-o", "name", "-q"], cancellationToken);
        rows.Add(new Row("create to running", Milliseconds(TimeProvider.System.GetElapsedTime(started))));
        await CliAsync(repository, data, environment, ["ssh", id, "--", "true"], cancellationToken);
        rows.Add(new Row("create to first SSH command done", Milliseconds(TimeProvider.System.GetElapsedTime(started))));

        rows.AddRange(await MeasureReadsAsync($"{settings.ServerUrl.AbsoluteUri.TrimEnd('/')}/api/v1/instances/{id}", client.Token, http, cancellationToken));
        rows.Add(await MeasureCreatesAsync(client, cancellationToken));
    }

    private static async Task<string> CliAsync(
        Repository repository, string folder, Dictionary<string, string> environment, IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        var (exitCode, output) = await Command.CaptureAsync(
            folder, repository.Program("Dumont.Cli", "dumont-cli"), arguments, environment, TimeSpan.FromMinutes(5), null, cancellationToken);
        return exitCode == 0 ? output.Trim() : throw new DevException($"dumont {string.Join(' ', arguments)} failed:\n{output}");
    }

    private static async Task<Row> MeasureHelpAsync(Repository repository, CancellationToken cancellationToken)
    {
        var times = new List<TimeSpan>();
        for (var i = 0; i < HelpRuns; i++)
        {
            var started = TimeProvider.System.GetTimestamp();
            await Command.CaptureAsync(repository.Root, repository.Launcher, ["--help"], null, TimeSpan.FromMinutes(1), null, cancellationToken);
            times.Add(TimeProvider.System.GetElapsedTime(started));
        }

        times.Sort();
        return new Row($"`./dumont --help`, median of {HelpRuns}", Milliseconds(times[HelpRuns / 2]));
    }

    private static async Task<List<Row>> MeasureReadsAsync(string url, string token, HttpClient http, CancellationToken cancellationToken)
    {
        try
        {
            var seconds = ReadTime.TotalSeconds.ToString("0", CultureInfo.InvariantCulture);
            var connections = Connections.ToString(CultureInfo.InvariantCulture);
            var (_, output) = await Command.CaptureAsync(
                "/", "wrk", ["-t2", $"-c{connections}", $"-d{seconds}s", "--latency", "-H", $"Authorization: Bearer {token}", url],
                null, TimeSpan.FromMinutes(2), null, cancellationToken);
            var refused = Refused().Match(output);
            return
            [
                new Row($"GET by id, authenticated, wrk -c{connections}", $"{Rate().Match(output).Groups[1].Value} req/s"),
                new Row("… p99", P99().Match(output).Groups[1].Value + (refused.Success ? $", {refused.Groups[1].Value} not 2xx" : "")),
            ];
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return await MeasureReadsHereAsync(url, token, http, cancellationToken);
        }
    }

    private static async Task<List<Row>> MeasureReadsHereAsync(string url, string token, HttpClient http, CancellationToken cancellationToken)
    {
        var started = TimeProvider.System.GetTimestamp();
        var perConnection = await Task.WhenAll(Enumerable.Range(0, Connections).Select(async _ =>
        {
            var times = new List<double>();
            while (TimeProvider.System.GetElapsedTime(started) < ReadTime)
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, url);
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
                var begun = TimeProvider.System.GetTimestamp();
                using var answer = await http.SendAsync(request, cancellationToken);
                answer.EnsureSuccessStatusCode();
                times.Add(TimeProvider.System.GetElapsedTime(begun).TotalMilliseconds);
            }

            return times;
        }));
        var all = perConnection.SelectMany(t => t).Order().ToList();
        var rate = all.Count / TimeProvider.System.GetElapsedTime(started).TotalSeconds;
        return
        [
            new Row($"GET by id, authenticated, HttpClient ×{Connections}", string.Create(CultureInfo.InvariantCulture, $"{rate:0} req/s")),
            new Row("… p99", string.Create(CultureInfo.InvariantCulture, $"{all[(int)(all.Count * 0.99)]:0.0} ms")),
        ];
    }

    // Accepted: the intent is on disk and will be carried out whatever happens to the server.
    private static async Task<Row> MeasureCreatesAsync(DumontClient client, CancellationToken cancellationToken)
    {
        var started = TimeProvider.System.GetTimestamp();
        var created = await Task.WhenAll(Enumerable.Range(0, Creates).Select(i => client.SendAsync(
            HttpMethod.Post,
            "/api/v1/instances",
            new JsonObject { ["use_wizard"] = true, ["label"] = string.Create(CultureInfo.InvariantCulture, $"bench-{i}"), ["skip_standby"] = true },
            cancellationToken)));
        var rate = Creates / TimeProvider.System.GetElapsedTime(started).TotalSeconds;
        foreach (var instance in created)
        {
            await client.SendAsync(HttpMethod.Delete, $"/api/v1/instances/{instance!["id"]}", null, cancellationToken);
        }

        return new Row($"durable creates accepted, {Creates} at once", string.Create(CultureInfo.InvariantCulture, $"{rate:0.0} /s"));
    }

    private static string Milliseconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalMilliseconds:0} ms");

    [GeneratedRegex(@"Requests/sec:\s+([\d.]+)")]
    private static partial Regex Rate();

    [GeneratedRegex(@"99%\s+(\S+)")]
    private static partial Regex P99();

    [GeneratedRegex(@"Non-2xx or 3xx responses: (\d+)")]
    private static partial Regex Refused();
}
