namespace Dumont.Scenarios.Harness;

/// <summary>A cloud and a server of their own, with short but honest patience, and the users of one test class.</summary>
internal sealed class TestWorld : IAsyncDisposable
{
    /// <summary>What two busy cores may need for a machine, a copy or a recovery. A bound against hanging, not a goal.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    // Shorter where the product allows it: what is waited for between two looks tells nothing about what is seen.
    private static readonly Dictionary<string, string> ServerSettings = new()
    {
        ["Machines__BootPollInterval"] = "00:00:00.100",
        ["Machines__WatchInterval"] = "00:00:01",
        ["Machines__AbsenceProof"] = "00:00:01",
        ["Machines__CreateAbsenceProof"] = "00:00:01",
        ["Machines__DestroyRepeat"] = "00:00:02",
        ["Machines__SweepInterval"] = "00:00:02",
        ["Machines__BootTimeout"] = "00:01:00",
        ["Instances__CreationTimeout"] = "00:01:20",
        ["Snapshots__WatchInterval"] = "00:00:00.100",
        ["Standby__RentRetry"] = "00:00:01",
        ["Migration__RentRetry"] = "00:00:01",
        ["Logging__LogLevel__Default"] = "Information",
    };

    private static int _count;

    private readonly string _data;
    private readonly List<ApiUser> _users = [];

    private TestWorld(string data, CloudProcess cloud, ServerProcess server) => (_data, Cloud, Server) = (data, cloud, server);

    public CloudProcess Cloud { get; }

    public ServerProcess Server { get; }

    /// <summary>Starts cloud and server.</summary>
    /// <param name="cancellationToken">Of the test.</param>
    /// <param name="server">The server's settings that differ from the usual ones.</param>
    /// <param name="cloud">The same of the cloud.</param>
    public static async Task<TestWorld> StartAsync(
        CancellationToken cancellationToken, IReadOnlyDictionary<string, string>? server = null, IReadOnlyDictionary<string, string>? cloud = null)
    {
        var data = Directory.CreateTempSubdirectory("dumont-scenario-").FullName;
        var provider = await CloudProcess.StartAsync(data, cloud ?? new Dictionary<string, string>(), cancellationToken);
        try
        {
            var settings = new Dictionary<string, string>(ServerSettings);
            foreach (var (name, value) in (await provider.CredentialsAsync(cancellationToken)).Concat(server ?? new Dictionary<string, string>()))
            {
                settings[name] = value;
            }

            return new TestWorld(data, provider, await ServerProcess.StartAsync(data, settings, cancellationToken));
        }
        catch
        {
            await provider.DisposeAsync();
            throw;
        }
    }

    /// <summary>A user who lives until the world is cleared.</summary>
    public async Task<ApiUser> NewUserAsync(CancellationToken cancellationToken)
    {
        var user = await ApiUser.RegisterAsync(Server.Url, Path.Combine(_data, "users", $"user{Interlocked.Increment(ref _count)}"), cancellationToken);
        _users.Add(user);
        return user;
    }

    /// <summary>Waits until cloud and server tell the same story: no machine without a living owner, no second GPU or standby for an instance, no
    /// instance on the way to somewhere.</summary>
    public async Task AwaitBooksAgreeAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        IReadOnlyList<string> faults = [];
        await Poll.UntilAsync(
            "cloud and server agree",
            limit,
            async () => (faults = await FindFaultsAsync(cancellationToken)).Count == 0,
            cancellationToken,
            () => Task.FromResult(string.Join("\n", faults) + "\n" + Server.Tail));
    }

    /// <summary>Waits until nothing bills any more.</summary>
    public async Task AwaitNothingBillsAsync(CancellationToken cancellationToken) =>
        await Poll.UntilAsync(
            "nothing bills",
            Patience,
            async () => (await Cloud.MachinesAsync(cancellationToken)).Count == 0,
            cancellationToken,
            async () => string.Join("\n", await Cloud.MachinesAsync(cancellationToken)) + "\n" + Server.Tail);

    /// <summary>Deletes all instances of all users and waits until nothing bills: every test leaves the world so.</summary>
    public async Task ClearAsync(CancellationToken cancellationToken)
    {
        await Cloud.DisarmAsync(cancellationToken);
        foreach (var user in _users)
        {
            foreach (var instance in await user.InstancesAsync(cancellationToken))
            {
                await user.DeleteAsync(ApiUser.IdOf(instance), cancellationToken);
            }
        }

        await AwaitNothingBillsAsync(cancellationToken);
        _users.ForEach(user => user.Dispose());
        _users.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        _users.ForEach(user => user.Dispose());
        try
        {
            await Server.DisposeAsync();
        }
        finally
        {
            await Cloud.DisposeAsync();
        }

        // Both have ended in good order: whatever of theirs is left now would be left on a user's computer as well.
        await Residue.AwaitNoneAsync(_data);
        Directory.Delete(_data, recursive: true);
    }

    private async Task<IReadOnlyList<string>> FindFaultsAsync(CancellationToken cancellationToken)
    {
        var faults = new List<string>();
        var instances = new Dictionary<long, string>();
        var standbys = new Dictionary<long, string?>();
        foreach (var user in _users)
        {
            foreach (var instance in await user.InstancesAsync(cancellationToken))
            {
                instances[ApiUser.IdOf(instance)] = instance["status"]!.ToString();
            }

            foreach (var (id, pair) in (await user.GetAsync("/standby/associations", cancellationToken))["associations"]!.AsObject())
            {
                standbys[long.Parse(id, System.Globalization.CultureInfo.InvariantCulture)] = pair!["cpu_standby"]!["name"]?.ToString();
            }
        }

        var machines = await Cloud.MachinesAsync(cancellationToken);
        faults.AddRange(instances.Where(instance => instance.Value is not ("running" or "paused" or "error")).Select(instance => $"stuck: {instance}"));
        faults.AddRange(machines.Where(IsOrphan).Select(machine => $"orphan: {machine}"));
        faults.AddRange(machines.GroupBy(machine => (machine.InstanceId, machine.IsGpu)).Where(twins => twins.Count() > 1)
            .Select(twins => $"twins: {string.Join(" and ", twins)}"));
        faults.AddRange(instances.Where(instance => instance.Value == "running" && !machines.Any(machine => machine.IsGpu && machine.InstanceId == instance.Key))
            .Select(instance => $"runs on nothing: {instance}"));
        return faults;

        // A creation that failed for good keeps its record, to say why, and no machine.
        bool IsOrphan(BilledMachine machine) =>
            machine.InstanceId is not { } owner
            || (machine.IsGpu ? instances.GetValueOrDefault(owner, "error") == "error" : standbys.GetValueOrDefault(owner) != machine.Label);
    }
}
