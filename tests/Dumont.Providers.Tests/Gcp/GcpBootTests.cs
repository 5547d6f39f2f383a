using System.Diagnostics;
using Dumont.Providers.Gcp;
using Dumont.Providers.Tests.Fakes;

namespace Dumont.Providers.Tests.Gcp;

/// <summary>The start script, read by the shell that will run it.</summary>
public sealed class GcpBootTests
{
    private const string Nasty = "it's \"$(touch /tmp/x)\" `id` \\ ; & | \u00e9";

    private static CreateMachineRequest Request => Operations.Request() with
    {
        OnStart = "#!/bin/sh\necho 'started'\n",
        Environment = new Dictionary<string, string> { ["B"] = Nasty, ["A"] = "1" },
    };

    [Theory]
    [InlineData(22)]
    [InlineData(2022)]
    public async Task Script_Whole_IsValidShell(int port) =>
        Assert.Equal((0, ""), await ShellAsync("-n", GcpBoot.Script(Request, port)));

    [Fact]
    public async Task Script_Variables_ArriveUntouchedAndAreNeverRun()
    {
        // The line that writes the file of variables, with another file in its place.
        var line = GcpBoot.Script(Request, 22).Split('\n').Single(one => one.EndsWith("> /var/lib/dumont/environment", StringComparison.Ordinal));
        var script = $"set -u; eval \"$({line[..line.LastIndexOf('>')]})\"; printf '%s|%s' \"$A\" \"$B\"";

        Assert.Equal((0, $"1|{Nasty}"), await ShellAsync("-s", script));
    }

    [Fact]
    public void Script_SameRequest_IsTheSameText() => Assert.Equal(
        GcpBoot.Script(Request, 22),
        GcpBoot.Script(Request with { Environment = new Dictionary<string, string> { ["A"] = "1", ["B"] = Nasty } }, 22));

    [Fact]
    public void Request_ThatCannotBeAScript_IsRefused()
    {
        Assert.Null(GcpBoot.Refuse(Request, 22));
        Assert.NotNull(GcpBoot.Refuse(Request with { OnStart = new string('x', 300_000) }, 22));
        Assert.NotNull(GcpBoot.Refuse(Request with { Environment = new Dictionary<string, string> { ["A;id"] = "" } }, 22));
        Assert.NotNull(GcpBoot.Refuse(Request with { AuthorizedKeys = ["a\nroot:b"] }, 22));
        Assert.NotNull(GcpBoot.Refuse(Request with { DiskGb = double.NaN }, 22));
    }

    private static async Task<(int, string)> ShellAsync(string option, string script)
    {
        using var bash = Process.Start(new ProcessStartInfo("bash", option)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        await bash.StandardInput.WriteAsync(script);
        bash.StandardInput.Close();
        var output = await bash.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var errors = await bash.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await bash.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (bash.ExitCode, output + errors);
    }
}
