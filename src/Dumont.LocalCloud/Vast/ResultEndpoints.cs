using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Faults;
using Dumont.LocalCloud.Http;
using Dumont.LocalCloud.Machines;

namespace Dumont.LocalCloud.Vast;

/// <summary>Logs and the few commands that need no SSH. Their text is fetched from a second address, which is late, as a host's upload is.</summary>
internal sealed class ResultEndpoints(ContractBook book, Sandbox sandbox, LocalCloudOptions options)
{
    private const int CommandMax = 512;

    // The provider has a status of its own for this one call.
    private const int StatusOfBadBody = 483;

    private const int ResultsMax = 200;
    private const int TailDefault = 1000;

    private static readonly string[] Programs = ["ls", "rm", "du"];

    private readonly ConcurrentDictionary<string, Result> _results = new();

    public void Map(RouteGroupBuilder v0)
    {
        v0.MapPut("/instances/request_logs/{id:long}", RequestLogsAsync).Does(CloudOperation.Of("vast", CloudOperation.Logs));
        // The older order of the same address.
        v0.MapPut("/instances/{id:long}/request_logs", RequestLogsAsync).Does(CloudOperation.Of("vast", CloudOperation.Logs));
        v0.MapPut("/instances/command/{id:long}", CommandAsync).Does(CloudOperation.Of("vast", CloudOperation.Command));
    }

    /// <summary>The address that <c>result_url</c> names; like the provider's object store it asks for no key.</summary>
    public void MapResults(IEndpointRouteBuilder routes) => routes.MapGet("/local/results/{token}", IResult (string token) =>
    {
        if (!_results.TryGetValue(token, out var result) || Interlocked.Decrement(ref result.PollsLeft) >= 0)
        {
            return new TextAnswer("not found", StatusCodes.Status404NotFound);
        }

        return new TextAnswer(result.Text, StatusCodes.Status200OK);
    });

    private async Task<IResult> RequestLogsAsync(long id, HttpContext http)
    {
        var body = await RequestBody.ReadAsync(http);
        var tail = (int)Math.Clamp(body.Number("tail") ?? TailDefault, 0, 100_000);
        var filter = body.Text("filter");
        if (FindMachine(id) is not { } key)
        {
            return VastProblem.NoSuchInstance(id);
        }

        var folder = sandbox.FolderOf(key);
        var lines = folder.ReadConsole(folder.ConsoleLength - (1 << 20), 1 << 20).Split('\n')
            .Where(line => string.IsNullOrEmpty(filter) || line.Contains(filter, StringComparison.Ordinal))
            .TakeLast(tail + 1);
        return Answer(http, string.Join('\n', lines), "logs requested");
    }

    private async Task<IResult> CommandAsync(long id, HttpContext http)
    {
        string command;
        try
        {
            command = (await RequestBody.ReadAsync(http)).Text("command") ?? "";
        }
        catch (BadRequestException e)
        {
            return new VastProblem(StatusOfBadBody, "invalid_request", e.Message);
        }

        if (command.Length > CommandMax)
        {
            return VastProblem.InvalidArguments($"command is longer than {CommandMax} characters");
        }

        var words = RentRequest.SplitWords(command);
        if (words.Count == 0 || !Programs.Contains(words[0]))
        {
            return VastProblem.InvalidArguments("only the commands ls, rm and du can be executed; use ssh for others");
        }

        if (FindMachine(id) is not { } key)
        {
            return VastProblem.NoSuchInstance(id);
        }

        var result = await sandbox.RunAsync(key, ["/usr/bin/" + words[0], .. words.Skip(1)], http.RequestAborted);
        return Answer(http, result.Output + result.Error, "command executed", ("writeable_path", string.Create(System.Globalization.CultureInfo.InvariantCulture, $"/var/lib/vastai_kaalia/data/C.{id}/")));
    }

    private string? FindMachine(long id)
    {
        lock (book.Gate)
        {
            return book.Find(id)?.MachineKey;
        }
    }

    private JsonAnswer Answer(HttpContext http, string text, string message, params (string Name, string Value)[] extra)
    {
        var token = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        if (_results.Count > ResultsMax)
        {
            _results.Clear();
        }

        _results[token] = new Result(text) { PollsLeft = options.ResultPollsBeforeReady };
        var answer = new JsonObject
        {
            ["success"] = true,
            ["result_url"] = $"{http.Request.Scheme}://{http.Request.Host}/local/results/{token}",
            ["msg"] = message,
        };
        foreach (var (name, value) in extra)
        {
            answer[name] = value;
        }

        return new JsonAnswer(answer);
    }

    private sealed class Result(string text)
    {
        public int PollsLeft;

        public string Text => text;
    }
}
