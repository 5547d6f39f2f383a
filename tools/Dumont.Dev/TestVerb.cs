using System.Globalization;
using System.Text.RegularExpressions;

namespace Dumont.Dev;

/// <summary>Counts of one or many test programs.</summary>
internal readonly record struct Tally(int Passed, int Failed, int Skipped)
{
    public static Tally operator +(Tally a, Tally b) => new(a.Passed + b.Passed, a.Failed + b.Failed, a.Skipped + b.Skipped);

    public override string ToString() => Skipped > 0
        ? string.Create(CultureInfo.InvariantCulture, $"{Passed} passed, {Failed} failed, {Skipped} skipped")
        : string.Create(CultureInfo.InvariantCulture, $"{Passed} passed, {Failed} failed");
}

/// <summary><c>./dumont test [filter]</c>: every test program, the shell journeys against a server of their own, then the providers' own
/// clients against a local cloud.</summary>
internal static partial class TestVerb
{
    private static readonly TimeSpan ProjectTimeout = TimeSpan.FromMinutes(30);

    public static async Task<int> RunAsync(Repository repository, string filter, CancellationToken cancellationToken)
    {
        await Console.Out.WriteLineAsync("build");
        await BuildAsync(repository, cancellationToken);
        var lanes = repository.TestProjects().ToLookup(Waits);
        var waiting = RunProjectsAsync(repository, lanes[true], filter, cancellationToken);
        var total = await RunProjectsAsync(repository, lanes[false], filter, cancellationToken);
        if (filter.Length == 0)
        {
            total += await RunJourneysAsync(repository, cancellationToken);
            total += await RunClientsAsync(repository, cancellationToken);
        }

        total += await waiting;
        await Console.Out.WriteLineAsync(total.ToString());
        return total.Failed == 0 && total.Passed > 0 ? 0 : 1;
    }

    /// <summary>Builds the whole solution; warnings are errors.</summary>
    /// <exception cref="DevException">It does not build; the message holds the errors.</exception>
    public static async Task BuildAsync(Repository repository, CancellationToken cancellationToken)
    {
        var (exitCode, output) = await Command.CaptureAsync(
            repository.Root, "dotnet", ["build", "Dumont.slnx", "-c", "Release", "-v", "q", "-nologo", "-clp:NoSummary"], null, ProjectTimeout, null, cancellationToken);
        if (exitCode != 0)
        {
            throw new DevException(output + "The build failed.");
        }
    }

    // A simulated life leaves little behind: with room for many lives in the youngest generation, what each costs falls by a quarter. The runtime takes this
    // from its environment only.
    private static readonly Dictionary<string, IReadOnlyDictionary<string, string>> Environments = new()
    {
        ["Dumont.Simulation"] = new Dictionary<string, string> { ["DOTNET_GCgen0size"] = "0x8000000" },
    };

    // These look on while real processes boot, die and recover; the others use the processor meanwhile.
    private static bool Waits(string project) => project is "Dumont.Scenarios" or "Dumont.Browser";

    private static async Task<Tally> RunProjectsAsync(Repository repository, IEnumerable<string> projects, string filter, CancellationToken cancellationToken)
    {
        var total = default(Tally);
        foreach (var project in projects)
        {
            total += await RunProjectAsync(repository, project, filter, cancellationToken);
        }

        return total;
    }

    private static async Task<Tally> RunProjectAsync(Repository repository, string project, string filter, CancellationToken cancellationToken)
    {
        var program = repository.Program(project, project);
        List<string> arguments = ["--no-ansi", "--no-progress"];
        if (filter.Length > 0)
        {
            // Assembly, class or method; several queries are joined by "or".
            arguments.AddRange(["--filter-query", $"/*{filter}*", "--filter-query", $"/*/*/*{filter}*", "--filter-query", $"/*/*/*/*{filter}*"]);
        }

        var started = TimeProvider.System.GetTimestamp();
        int exitCode;
        string output;
        try
        {
            (exitCode, output) = await Command.CaptureAsync(
                repository.Root, program, arguments, Environments.GetValueOrDefault(project), ProjectTimeout, FailurePrinter(), cancellationToken);
        }
        catch (DevException e)
        {
            await Console.Out.WriteLineAsync($"FAIL  {project}: {e.Message}");
            return new Tally(0, 1, 0);
        }

        var elapsed = TimeProvider.System.GetElapsedTime(started);
        var tally = TallyOf(output);
        if (tally is { Passed: 0, Failed: 0, Skipped: 0 } && (filter.Length > 0 || exitCode == ZeroTests))
        {
            return tally;
        }

        // A program that fell over without counting a failure has failed all the same.
        if (exitCode != 0 && tally.Failed == 0)
        {
            await Console.Out.WriteLineAsync(output);
            tally = tally with { Failed = 1 };
        }

        var verdict = tally.Failed == 0 ? "ok  " : "FAIL";
        await Console.Out.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{verdict}  {project}: {tally} ({elapsed.TotalSeconds:0.0} s)"));
        return tally;
    }

    // Exit code of Microsoft.Testing.Platform when nothing matched.
    private const int ZeroTests = 8;

    // "failed Name (12ms)" and the indented lines that follow; the rest is told by the summary.
    private static Action<string> FailurePrinter()
    {
        var inFailure = false;
        return line =>
        {
            inFailure = line.StartsWith("failed ", StringComparison.Ordinal) || (inFailure && line.StartsWith("  ", StringComparison.Ordinal));
            if (inFailure)
            {
                Console.Out.WriteLine(line);
            }
        };
    }

    private static Tally TallyOf(string output) => new(Count(output, "succeeded"), Count(output, "failed"), Count(output, "skipped"));

    private static int Count(string output, string word)
    {
        var count = 0;
        foreach (Match match in Summary().Matches(output))
        {
            if (match.Groups["word"].Value == word)
            {
                count = int.Parse(match.Groups["count"].Value, CultureInfo.InvariantCulture);
            }
        }

        return count;
    }

    [GeneratedRegex(@"^\s+(?<word>succeeded|failed|skipped): (?<count>\d+)\s*$", RegexOptions.Multiline)]
    private static partial Regex Summary();

    private static async Task<Tally> RunJourneysAsync(Repository repository, CancellationToken cancellationToken)
    {
        var data = Directory.CreateTempSubdirectory("dumont-journeys-").FullName;
        try
        {
            var settings = UpSettings.Temporary(data);
            await using var stack = await Stack.StartAsync(repository, settings, cancellationToken);
            var environment = new Dictionary<string, string>
            {
                ["DUMONT_BASE_URL"] = settings.ServerUrl.AbsoluteUri.TrimEnd('/'),
            };
            var (exitCode, output) = await Command.CaptureAsync(
                repository.Root, Path.Combine(repository.Root, "tests", "cli", "run_all.sh"), [], environment, ProjectTimeout, Console.Out.WriteLine, cancellationToken);
            return ScriptTally(exitCode, output);
        }
        catch (DevException e)
        {
            await Console.Out.WriteLineAsync($"FAIL  tests/cli: {e.Message}");
            return new Tally(0, 1, 0);
        }
        finally
        {
            Directory.Delete(data, recursive: true);
        }
    }

    // Each script starts a cloud of its own and skips itself where its client is not installed.
    private static async Task<Tally> RunClientsAsync(Repository repository, CancellationToken cancellationToken)
    {
        var total = default(Tally);
        foreach (var script in Directory.EnumerateFiles(Path.Combine(repository.Root, "tests", "clients"), "*.sh").Order(StringComparer.Ordinal))
        {
            await Console.Out.WriteLineAsync(Path.GetFileName(script));
            try
            {
                var (exitCode, output) = await Command.CaptureAsync(repository.Root, script, [], null, ProjectTimeout, Console.Out.WriteLine, cancellationToken);
                total += ScriptTally(exitCode, output);
            }
            catch (DevException e)
            {
                await Console.Out.WriteLineAsync($"FAIL  {Path.GetFileName(script)}: {e.Message}");
                total += new Tally(0, 1, 0);
            }
        }

        return total;
    }

    private static Tally ScriptTally(int exitCode, string output)
    {
        var match = ScriptSummary().Match(output);
        var tally = match.Success
            ? new Tally(Number(match, 1), Number(match, 2), match.Groups[3].Success ? Number(match, 3) : 0)
            : new Tally(0, 1, 0);
        return exitCode != 0 && tally.Failed == 0 ? tally with { Failed = 1 } : tally;
    }

    private static int Number(Match match, int group) => int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*\z")]
    private static partial Regex ScriptSummary();
}
