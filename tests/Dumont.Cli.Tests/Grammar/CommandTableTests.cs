using Dumont.Cli.Grammar;

namespace Dumont.Cli.Tests.Grammar;

/// <summary>What holds for every command there is.</summary>
public sealed class CommandTableTests
{
    public static TheoryData<string, string> SeedCommands => new()
    {
        { "auth login user@email.com password", "POST /api/v1/auth/login" },
        { "auth me", "GET /api/v1/auth/me" },
        { "setting list", "GET /api/v1/settings" },
        { "auth logout", "POST /api/v1/auth/logout" },
        { "instance offers", "GET /api/v1/instances/offers" },
        { "instance offers gpu_name=rtx4090 max_price=0.50", "GET /api/v1/instances/offers?gpu_name=rtx4090&max_price=0.50" },
        { "instance create offer_id=1 label=test-gpu disk_size=100", "POST /api/v1/instances" },
        { "instance list", "GET /api/v1/instances" },
        { "instance get 17", "GET /api/v1/instances/17" },
        { "instance pause 17", "POST /api/v1/instances/17/pause" },
        { "instance resume 17", "POST /api/v1/instances/17/resume" },
        { "instance delete 17", "DELETE /api/v1/instances/17" },
        { "instance sync 17", "POST /api/v1/instances/17/sync?wait=false" },
        { "snapshot create backup-v1 17", "POST /api/v1/snapshots?wait=false" },
        { "snapshot list", "GET /api/v1/snapshots" },
        { "snapshot restore snap-12 gpu_name=rtx4090", "POST /api/v1/snapshots/restore?wait=false" },
        { "snapshot restore snap-12 delete=true dry_run=true", "POST /api/v1/snapshots/restore?wait=false" },
        { "snapshot verification", "GET /api/v1/snapshots/verification" },
        { "snapshot verification set days=7", "PUT /api/v1/snapshots/verification" },
        { "snapshot delete snap-12", "DELETE /api/v1/snapshots/snap-12" },
        { "standby status", "GET /api/v1/standby/status" },
        { "standby configure enabled=true gcp_zone=europe-west1-b", "POST /api/v1/standby/configure" },
        { "instance create offer_id=1 label=resilient-gpu", "POST /api/v1/instances" },
        { "standby associations", "GET /api/v1/standby/associations" },
        { "standby sync-start 17", "POST /api/v1/standby/associations/17/start-sync" },
        { "failover settings", "GET /api/v1/failover/settings/global" },
        { "failover settings set strategy=cpu_standby", "PUT /api/v1/failover/settings/global" },
        { "failover settings set-machine 17 health_check_interval=0.2", "PUT /api/v1/failover/settings/machines/17" },
        { "failover readiness 17", "GET /api/v1/failover/readiness/17" },
        { "failover status 17", "GET /api/v1/failover/status/17" },
        { "failover get fo-12", "GET /api/v1/standby/failover/status/fo-12" },
        { "failover test 17", "POST /api/v1/failover/test/17" },
        { "failover test 17 dry_run=false", "POST /api/v1/failover/test/17?dry_run=false" },
        { "failover execute 17", "POST /api/v1/failover/execute" },
        { "instance delete 17 reason=gpu_failure destroy_standby=false", "DELETE /api/v1/instances/17?reason=gpu_failure&destroy_standby=false" },
        { "instance create wizard gpu_name=rtx4090", "POST /api/v1/instances" },
        { "instance migrate 17 estimate target_type=cpu", "POST /api/v1/instances/17/migrate/estimate" },
        { "instance migrate estimate 17 target_type=cpu", "POST /api/v1/instances/17/migrate/estimate" },
        { "instance migrate 17 target_type=gpu gpu_name=rtx4090", "POST /api/v1/instances/17/migrate" },
        { "instance recover 17 snapshot=snap-1", "POST /api/v1/instances/17/recover" },
        { "instance migrate-estimate 17 target_type=cpu", "POST /api/v1/instances/17/migrate/estimate" },
        { "migration cancel 3", "DELETE /api/v1/migrations/3" },
        { "health list", "GET /health" },
        { "metrics market", "GET /api/v1/metrics/market" },
        { "metrics efficiency", "GET /api/v1/metrics/efficiency" },
        { "metrics providers", "GET /api/v1/metrics/providers" },
        { "agent status", "GET /api/v1/agent/status" },
    };

    [Theory]
    [MemberData(nameof(SeedCommands))]
    public void Parse_SeedCommand_MakesTheSeedsRequest(string line, string request)
    {
        var parsed = Assert.IsType<CommandLineParser.Parsed.Run>(CommandLineParser.Parse([.. line.Split(' ')], help: false));

        Assert.Equal(request, $"{parsed.Invocation.Command.Method.ToString().ToUpperInvariant()} {parsed.Invocation.PathAndQuery}");
    }

    [Fact]
    public void EveryCommand_Examples_AreTwoAndParseToIt()
    {
        foreach (var (resource, command) in Commands())
        {
            var name = $"{resource.Name} {command.Action} {command.SubWord}";
            Assert.True(command.Examples.Length == 2, $"{name}: {command.Examples.Length} examples");
            foreach (var example in command.Examples)
            {
                var words = Words(example);
                GlobalOptions.Parse(words, new Dictionary<string, string>(), out var rest, out var error);
                Assert.True(error is null, $"{example}: {error?.Message}");
                if (rest.Exists(w => w.Contains("=@", StringComparison.Ordinal)))
                {
                    continue;
                }

                var parsed = Assert.IsType<CommandLineParser.Parsed.Run>(CommandLineParser.Parse(rest, help: false));
                Assert.Equal(command.Path, parsed.Invocation.Command.Path);
                Assert.Equal(command.Method, parsed.Invocation.Command.Method);
            }
        }
    }

    [Fact]
    public void EveryCommand_Texts_AreInBothLanguages()
    {
        var texts = Commands().SelectMany(c => c.Command.Keys.Select(k => k.Help)
            .Concat(c.Command.Positionals.Select(p => p.Help)).Append(c.Command.Summary).Append(c.Resource.Summary));

        Assert.All(texts, t =>
        {
            Assert.NotEmpty(t.English);
            Assert.NotEmpty(t.Portuguese);
        });
    }

    [Fact]
    public void EveryCommand_Positionals_FillThePath()
    {
        foreach (var (resource, command) in Commands())
        {
            var inPath = command.Path.Split('{').Skip(1).Select(p => p[..p.IndexOf('}', StringComparison.Ordinal)]);
            Assert.All(inPath, p => Assert.Contains(command.Positionals, x => x.Name == p));
            if (command.Method == ApiMethod.Get && command.Handler is null)
            {
                Assert.All(command.Positionals, p => Assert.Contains($"{{{p.Name}}}", command.Path, StringComparison.Ordinal));
            }

            Assert.True(command.Path.Length == 0 || command.Path == "/health" || command.Path.StartsWith("/api/v1/", StringComparison.Ordinal), resource.Name);
        }
    }

    [Fact]
    public void EveryKey_TwinFlag_IsNotAGlobalFlag()
    {
        var flags = GlobalOptions.All.SelectMany(o => o.Flags.Split(", ")).ToHashSet();

        Assert.All(Commands().SelectMany(c => c.Command.Keys), k => Assert.DoesNotContain("--" + k.Name.Replace('_', '-'), flags));
    }

    [Fact]
    public void EveryResource_SingularAndPlural_IsFound()
    {
        foreach (var (name, _) in CommandTable.Resources)
        {
            Assert.Equal(name, CommandTable.Find(name)?.Name);
            Assert.Equal(name, CommandTable.Find(name.EndsWith('s') ? name[..^1] : name + "s")?.Name);
        }
    }

    private static IEnumerable<(ResourceSpec Resource, CommandSpec Command)> Commands() =>
        CommandTable.All.SelectMany(r => r.Commands.Select(c => (r, c)));

    // As a shell splits it; redirections are the shell's.
    private static List<string> Words(string line)
    {
        var words = new List<string>();
        var word = "";
        var quote = '\0';
        foreach (var c in line.Split(" < ")[0].Split(" > ")[0] + " ")
        {
            if (quote == '\0' && c == ' ')
            {
                if (word.Length > 0)
                {
                    words.Add(word);
                }

                word = "";
            }
            else if (c == quote)
            {
                quote = '\0';
            }
            else if (quote == '\0' && c is '"' or '\'')
            {
                quote = c;
            }
            else
            {
                word += c;
            }
        }

        return words;
    }
}
