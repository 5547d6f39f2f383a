using System.Text.Json.Nodes;
using System.Xml.Linq;
using Dumont.Cli.Actions;
using Dumont.Cli.Drills;
using Dumont.Cli.Output;

namespace Dumont.Cli.Tests.Drills;

/// <summary>What drills write, from what they were given.</summary>
public sealed class DrillOutputTests
{
    private static readonly JsonNode Report = JsonNode.Parse(
        """
        {"period_days":30,"total_failovers":2,"successful_failovers":1,"failed_failovers":1,"success_rate":50,"mttr_seconds":0.7,"primary_cause":"<b>gpu</b>",
         "history":[
          {"success":true,"total_time_ms":5000,"rpo_seconds":0.2,"phase_timings_ms":{"detecting":650,"gpu_lost":50,"provisioning":2000,"restoring":1000}},
          {"success":false,"total_time_ms":9000,"rpo_seconds":null,"phase_timings_ms":{"detecting":700}}]}
        """)!;

    [Fact]
    public void Line_HasTheGuidesForm_AndItsColourWhereWanted()
    {
        Assert.Matches(@"^\[T\d{3}\.\d\ds\] \[INFO   \] text\n$", Write(colours: false, DrillLevel.Info));
        Assert.StartsWith("\u001b[94m[T", Write(colours: true, DrillLevel.Info), StringComparison.Ordinal);
        Assert.StartsWith("\u001b[95m[T", Write(colours: true, DrillLevel.Phase), StringComparison.Ordinal);
        Assert.StartsWith("\u001b[96m[T", Write(colours: true, DrillLevel.Metric), StringComparison.Ordinal);
        Assert.Contains("[METRIC ] text", Write(colours: false, DrillLevel.Metric), StringComparison.Ordinal);
    }

    [Fact]
    public void Log_PhasesFollowEachOther_AndEventsAreKept()
    {
        var log = new DrillLog(null, new Style(false), Language.English, TimeProvider.System);
        log.Begin(DrillPhase.Setup);
        log.Write(DrillLevel.Sync, "one");
        log.Begin(DrillPhase.Operation);
        log.End();
        Assert.Equal([DrillPhase.Setup, DrillPhase.Operation], log.Durations().Select(part => part.Phase));
        Assert.Equal("SYNC", Assert.Single(log.Events)!["level"]!.ToString());
    }

    [Theory]
    [InlineData("en", "Duration (Duração) of each phase", "PASSED")]
    [InlineData("pt-BR", "Duração de cada fase", "APROVADO")]
    public void Report_SaysDuracaoInBothLanguages(string word, string durations, string verdict)
    {
        var language = word == "en" ? Language.English : Language.Portuguese;
        using var output = new StringWriter();
        var log = new DrillLog(null, new Style(false), language, TimeProvider.System);
        log.Begin(DrillPhase.Setup);
        var result = new DrillResult { InstanceId = "1", Fault = DrillFault.Of(DrillFault.HostKilled), Detection = TimeSpan.FromSeconds(9) };
        new DrillReport(output, new Style(false), language).Write(result, log);
        Assert.Contains(durations, output.ToString(), StringComparison.Ordinal);
        Assert.Contains("Standby:HeartbeatInterval", output.ToString(), StringComparison.Ordinal);
        Assert.EndsWith(verdict, output.ToString().TrimEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public void Report_AFailure_IsNamedAndFails()
    {
        using var output = new StringWriter();
        var result = new DrillResult { InstanceId = "1", Fault = DrillFault.Of(DrillFault.Cut) };
        result.Failures.Add(new("the RPO is 3 s", "o RPO é 3 s"));
        new DrillReport(output, new Style(false), Language.Portuguese).Write(result, new DrillLog(null, new Style(false), Language.Portuguese, TimeProvider.System));
        Assert.False(result.Passed);
        Assert.EndsWith("REPROVADO: o RPO é 3 s", output.ToString().TrimEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public void Verdict_LossesPassOnlyWithinTheirBoundsAndWithEveryConfirmedFile()
    {
        Assert.Empty(Judged(_ => { }));
        Assert.Contains("never answered", Assert.Single(Judged(result => result.Answer = null)), StringComparison.Ordinal);
        Assert.Contains("detection", Assert.Single(Judged(result => result.Detection = TimeSpan.FromSeconds(31))), StringComparison.Ordinal);
        Assert.Contains("RPO", Assert.Single(Judged(result => result.Rpo = TimeSpan.FromSeconds(2.1))), StringComparison.Ordinal);
        Assert.Contains("not intact", Assert.Single(Judged(result => result.FilesOnNewGpu = 2)), StringComparison.Ordinal);
        Assert.Empty(Judged(result => (result.FilesOnNewGpu, result.Recovers) = (0, false)));
    }

    private static List<string> Judged(Action<DrillResult> change)
    {
        var result = new DrillResult
        {
            InstanceId = "1",
            Fault = DrillFault.Of(DrillFault.HostKilled),
            Detection = TimeSpan.FromSeconds(3),
            Answer = TimeSpan.FromSeconds(4),
            Rpo = TimeSpan.Zero,
            FilesWritten = 3,
            FilesSynced = 3,
            FilesOnStandby = 3,
            FilesOnNewGpu = 3,
        };
        change(result);
        DrillVerdict.Judge(result);
        return [.. result.Failures.Select(failure => failure.English)];
    }

    [Fact]
    public void ReportFiles_FiguresComeFromTheRecords_AndWordsOfOthersAreEscaped()
    {
        var markdown = FailoverReportFiles.Markdown(Report, Language.English, DateTimeOffset.UnixEpoch);
        Assert.Contains("n = 2, p50 0.650 s, p95 0.700 s, p99 0.700 s, max 0.700 s", markdown, StringComparison.Ordinal);
        Assert.Contains("n = 1, p50 5.000 s", markdown, StringComparison.Ordinal);

        var page = FailoverReportFiles.Page(Report, Language.Portuguese, DateTimeOffset.UnixEpoch);
        Assert.Contains("&lt;b&gt;gpu&lt;/b&gt;", page, StringComparison.Ordinal);
        Assert.DoesNotContain("http", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", page, StringComparison.Ordinal);
        var body = page[page.IndexOf("<svg", StringComparison.Ordinal)..(page.IndexOf("</svg>", StringComparison.Ordinal) + 6)];
        Assert.NotEmpty(XDocument.Parse(body).Descendants("rect"));
    }

    [Fact]
    public void ReportFiles_NoFailoverYet_HaveNoFigures()
    {
        var empty = JsonNode.Parse("""{"period_days":30,"total_failovers":0,"history":[]}""");
        Assert.DoesNotContain("p50", FailoverReportFiles.Markdown(empty, Language.English, DateTimeOffset.UnixEpoch), StringComparison.Ordinal);
        Assert.DoesNotContain("<svg", FailoverReportFiles.Page(empty, Language.English, DateTimeOffset.UnixEpoch), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("10GB", 10_000_000_000)]
    [InlineData("1.5gb", 1_500_000_000)]
    [InlineData("500MB", 500_000_000)]
    public void Size_IsReadAsWritten(string text, long bytes) => Assert.Equal(bytes, SyncTrialActions.ReadSize(text));

    [Theory]
    [InlineData("ten")]
    [InlineData("10")]
    [InlineData("-1GB")]
    [InlineData("1KB")]
    [InlineData("1000TB")]
    public void Size_ThatIsNone_NamesTheFieldAndAnExample(string text)
    {
        var error = Assert.Throws<UsageException>(() => SyncTrialActions.ReadSize(text));
        Assert.Contains("workspace_size", error.Message, StringComparison.Ordinal);
        Assert.Contains("10GB", error.Hint!.Value.English, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Drill_LocalCloudThatDoesNotAnswer_IsSaidBeforeAnythingIsDone()
    {
        using var cli = new CliHarness(new Uri("http://127.0.0.1:1"));
        var result = await cli.RunAsync("drill", "17", "local_cloud=http://127.0.0.1:1");
        Assert.Equal(ExitCode.Unavailable, result.ExitCode);
        Assert.Contains("no local cloud answers", result.Error, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Usage, (await cli.RunAsync("drill", "17", "local_cloud=nonsense")).ExitCode);
        Assert.Equal(ExitCode.Usage, (await cli.RunAsync("drill", "17", "fault=meteor")).ExitCode);
    }

    private static string Write(bool colours, DrillLevel level)
    {
        using var output = new StringWriter { NewLine = "\n" };
        new DrillLog(output, new Style(colours), Language.English, TimeProvider.System).Write(level, "text");
        return output.ToString();
    }
}
