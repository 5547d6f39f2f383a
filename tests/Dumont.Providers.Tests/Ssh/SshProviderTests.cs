using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Dumont.Providers.Ssh;

namespace Dumont.Providers.Tests.Ssh;

/// <summary>What only an own machine can do to its provider, on real ones.</summary>
public sealed class SshProviderTests
{
    private const string Tag = "dumont/srv/12/3";
    private const string OtherTag = "dumont/other/1/1";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Create_SameTagAgain_IsTheSameMachineAndAnotherTagIsRefused()
    {
        await using var computer = await StartAsync();
        var provider = SshBench.Provider(computer);

        var first = Assert.IsType<CreateResult.Created>(await provider.CreateAsync(SshBench.Request(Tag), Cancel));
        var again = Assert.IsType<CreateResult.Created>(await provider.CreateAsync(SshBench.Request(Tag), Cancel));
        Assert.IsType<CreateResult.OfferGone>(await provider.CreateAsync(SshBench.Request(OtherTag), Cancel));

        Assert.Equal(first, again);
        Assert.Equal(Tag, Assert.Single(Assert.IsType<MachineListing.Complete>(await provider.ListAsync(Cancel)).Machines).Tag);
        Assert.Empty(await provider.SearchOffersAsync(new OfferQuery(), Cancel));
    }

    [Fact]
    public async Task Create_ManyAtOnce_OneWinsAndKeepsIt()
    {
        await using var computer = await StartAsync();
        var provider = SshBench.Provider(computer);

        var results = await Task.WhenAll(Enumerable.Range(1, 6).Select(ordinal => provider.CreateAsync(SshBench.Request($"dumont/srv/1/{ordinal}"), Cancel)));

        var won = Assert.Single(results.OfType<CreateResult.Created>());
        Assert.Equal(5, results.OfType<CreateResult.OfferGone>().Count());
        Assert.Equal(won.ProviderMachineId, Assert.Single(Assert.IsType<MachineListing.Complete>(await provider.ListAsync(Cancel)).Machines).Id);
    }

    [Fact]
    public async Task Destroy_Claim_LeavesNeitherFileNorProcess()
    {
        await using var computer = await StartAsync();
        var provider = SshBench.Provider(computer);
        var created = Assert.IsType<CreateResult.Created>(
            await provider.CreateAsync(SshBench.Request(Tag) with { OnStart = "touch /usr/bin/dumont-canary /workspace/x; sleep 1000 & exec -a stubborn sh -c 'trap : TERM; while :; do sleep 1; done'" }, Cancel));
        Assert.NotEmpty(computer.Residue);

        Assert.IsType<EffectResult.Done>(await provider.DestroyAsync(created.ProviderMachineId, Cancel));

        Assert.Empty(computer.Residue);
        Assert.False(File.Exists("/usr/bin/dumont-canary"));
        Assert.IsType<MachineReading.Absent>(await provider.GetAsync(created.ProviderMachineId, Cancel));
    }

    [Fact]
    public async Task Destroy_ForeignClaim_IsNotTouched()
    {
        await using var computer = await StartAsync();
        var provider = SshBench.Provider(computer);
        Assert.IsType<CreateResult.Created>(await provider.CreateAsync(SshBench.Request(OtherTag), Cancel));

        Assert.IsType<EffectResult.NotFound>(await provider.DestroyAsync($"{SshBench.Id}/{OwnMachineLink.ClaimOf(Tag)}", Cancel));
        Assert.IsType<EffectResult.NotFound>(await provider.StopAsync($"{SshBench.Id}/{OwnMachineLink.ClaimOf(Tag)}", Cancel));

        var kept = Assert.Single(Assert.IsType<MachineListing.Complete>(await provider.ListAsync(Cancel)).Machines);
        Assert.Equal((OtherTag, ProviderMachineState.Running), (kept.Tag, kept.State));
    }

    [Fact]
    public async Task PowerLost_Machine_IsUnknownThenInterruptedThenStartsWithItsFiles()
    {
        await using var computer = await StartAsync();
        var provider = SshBench.Provider(computer);
        var id = Assert.IsType<CreateResult.Created>(await provider.CreateAsync(SshBench.Request(Tag), Cancel)).ProviderMachineId;
        var note = Path.Combine(computer.Folder, "claim", "workspace", "note");
        await File.WriteAllTextAsync(note, "kept", Cancel);

        await computer.PowerOffAsync();
        Assert.IsType<MachineReading.Unknown>(await provider.GetAsync(id, Cancel));
        Assert.IsType<MachineListing.Unknown>(await provider.ListAsync(Cancel));
        Assert.IsType<EffectResult.Unknown>(await provider.DestroyAsync(id, Cancel));
        Assert.IsType<CreateResult.Rejected>(await provider.CreateAsync(SshBench.Request(Tag), Cancel));
        Assert.Equal(
            ProviderErrorKind.Transient, (await Assert.ThrowsAsync<ProviderException>(() => provider.SearchOffersAsync(new OfferQuery(), Cancel))).Kind);

        await computer.PowerOnAsync();
        Assert.Equal(ProviderMachineState.Interrupted, Assert.IsType<MachineReading.Present>(await provider.GetAsync(id, Cancel)).Machine.State);
        Assert.IsType<EffectResult.Done>(await provider.StartAsync(id, Cancel));
        Assert.Equal(ProviderMachineState.Running, Assert.IsType<MachineReading.Present>(await provider.GetAsync(id, Cancel)).Machine.State);
        Assert.Equal("kept", await File.ReadAllTextAsync(note, Cancel));
    }

    [Fact]
    public async Task HostKey_Swapped_NothingIsSentAndNothingIsBelieved()
    {
        await using var computer = await StartAsync();
        var provider = SshBench.Provider(computer);
        var id = Assert.IsType<CreateResult.Created>(await provider.CreateAsync(SshBench.Request(Tag), Cancel)).ProviderMachineId;

        await computer.SwapHostKeyAsync();

        Assert.Equal(ProviderErrorKind.Credentials, Assert.IsType<MachineReading.Unknown>(await provider.GetAsync(id, Cancel)).Kind);
        Assert.IsType<MachineListing.Unknown>(await provider.ListAsync(Cancel));
        Assert.IsType<EffectResult.Rejected>(await provider.DestroyAsync(id, Cancel));
        Assert.IsType<CreateResult.Rejected>(await provider.CreateAsync(SshBench.Request(OtherTag), Cancel));

        // Not even a login was tried: ssh has left before it offered a key.
        Assert.DoesNotContain("publickey", computer.LogSincePowerOn, StringComparison.Ordinal);
        Assert.DoesNotContain("authenticating user", computer.LogSincePowerOn, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Key_NotLetIn_IsRefusedAsCredentials()
    {
        await using var computer = await StartAsync();
        computer.Authorize(SshBench.Key);

        var reply = await SshBench.Link(computer).ProbeAsync(Cancel);

        Assert.Equal(OwnMachineTrouble.AuthRefused, reply.Trouble);
        Assert.IsType<MachineReading.Unknown>(await SshBench.Provider(computer).GetAsync($"{SshBench.Id}/0123456789abcdef", Cancel));
    }

    [Theory]
    [InlineData("setpriv --reuid=65534 --clear-groups sh -s", OwnMachineTrouble.NotRoot)]
    [InlineData("/usr/sbin/nologin", OwnMachineTrouble.Unsuitable)]
    [InlineData("head -c 3000000 /dev/zero", OwnMachineTrouble.Unsuitable)]
    [InlineData("echo dumont-own 1", OwnMachineTrouble.Unclear)]
    [InlineData("sh -c 'head -c 500 >/dev/null; echo dumont-own 1; kill -9 $PPID'", OwnMachineTrouble.Unclear)]
    public async Task Login_ThatIsNoHonestRootShell_IsToldApart(string forceCommand, OwnMachineTrouble trouble)
    {
        await using var computer = await StartAsync(forceCommand);

        var reply = await SshBench.Link(computer).LookAsync(Cancel);

        Assert.Equal(trouble, reply.Trouble);
        Assert.Empty(computer.Residue);
    }

    [Fact]
    public async Task Create_CutWhileBeingSent_DoesNothing()
    {
        // The shell gets the first part of the text only.
        await using var computer = await StartAsync("sh -c 'head -c 9000 | sh -s'");

        Assert.IsNotType<CreateResult.Created>(await SshBench.Provider(computer).CreateAsync(SshBench.Request(Tag), Cancel));

        Assert.Empty(computer.Residue);
    }

    [Fact]
    public async Task Create_PortInUse_IsRefusedAndLeavesNothing()
    {
        await using var computer = await StartAsync();
        using var other = new TcpListener(IPAddress.Any, computer.InstancePort);
        other.Start();

        var probe = await SshBench.Link(computer).ProbeAsync(Cancel);
        Assert.Equal(OwnMachineTrouble.Unsuitable, probe.Trouble);
        Assert.Contains($"{computer.InstancePort}", probe.Detail, StringComparison.Ordinal);
        Assert.IsType<CreateResult.Rejected>(await SshBench.Provider(computer).CreateAsync(SshBench.Request(Tag), Cancel));
        Assert.Empty(Assert.IsType<MachineListing.Complete>(await SshBench.Provider(computer).ListAsync(Cancel)).Machines);
        Assert.Empty(computer.Residue);
    }

    [Fact]
    public async Task Create_HostileTexts_AreDataOnTheMachine()
    {
        await using var computer = await StartAsync();
        var canary = Path.Combine(Path.GetTempPath(), $"dumont-canary-{Guid.NewGuid():N}");
        string[] payloads = [$"$(touch {canary})", $"`touch {canary}`", $"'; touch {canary}; '", $"\"; touch {canary}; \"", $"\ntouch {canary}\n", $"'$(touch {canary})'\\", $"EOF\ntouch {canary}", $"| touch {canary} #"];
        var provider = SshBench.Provider(computer);
        foreach (var payload in payloads)
        {
            var request = SshBench.Request($"dumont/srv/1/{payload}") with
            {
                AuthorizedKeys = [payload],
                Environment = new Dictionary<string, string> { ["A"] = payload.Replace('\n', ' ') },
            };

            var id = Assert.IsType<CreateResult.Created>(await provider.CreateAsync(request, Cancel)).ProviderMachineId;

            Assert.Equal(payload + "\n", await File.ReadAllTextAsync(Path.Combine(computer.Folder, "claim", "root", ".ssh", "authorized_keys"), Cancel));
            Assert.IsType<EffectResult.Done>(await provider.DestroyAsync(id, Cancel));
        }

        Assert.False(File.Exists(canary));
    }

    [Fact]
    public async Task Cell_LookedAtFromInside_HasItsOwnThingsAndTheComputersPrograms()
    {
        await using var computer = await StartAsync();
        var provider = SshBench.Provider(computer);
        const string Look = """
            { echo "$GREETING"; ls -A /root | tr '\n' ' '; echo; cat /proc/[0-9]*/comm | grep -c dotnet; ls /usr/bin/env; ls -A /workspace /home; cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub; } > /workspace/seen
            mv /workspace/seen /workspace/done
            """;
        var request = SshBench.Request(Tag) with { OnStart = Look, Environment = new Dictionary<string, string> { ["GREETING"] = "it's \"one\" $HOME" } };
        var id = Assert.IsType<CreateResult.Created>(await provider.CreateAsync(request, Cancel)).ProviderMachineId;
        var machine = Assert.IsType<MachineReading.Present>(await provider.GetAsync(id, Cancel)).Machine;

        var seen = await ReadSoonAsync(Path.Combine(computer.Folder, "claim", "workspace", "done"));

        Assert.Equal("it's \"one\" $HOME", seen[0]);
        Assert.Contains(".ssh", seen[1], StringComparison.Ordinal);
        Assert.Equal("0", seen[2]);
        Assert.Equal("/usr/bin/env", seen[3]);
        Assert.Equal(machine.BootHostKey, seen[^1]);
        Assert.Equal(computer.InstancePort, machine.SshPort);
        Assert.Equal(machine.BootHostKey, await SshProcess.ScanHostKeyAsync(computer.Host, computer.InstancePort, TimeProvider.System, Cancel));
        Assert.NotEqual(computer.HostKey, machine.BootHostKey);
    }

    private static async Task<OwnComputer> StartAsync(string? forceCommand = null)
    {
        Assert.SkipWhen(OwnComputer.Missing is not null, OwnComputer.Missing ?? "");
        return await OwnComputer.StartAsync(forceCommand: forceCommand);
    }

    private static async Task<string[]> ReadSoonAsync(string path)
    {
        var begun = Stopwatch.GetTimestamp();
        while (!File.Exists(path))
        {
            Assert.True(Stopwatch.GetElapsedTime(begun) < TimeSpan.FromSeconds(20), $"{path} does not appear.");
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Cancel);
        }

        return await File.ReadAllLinesAsync(path, Cancel);
    }
}
