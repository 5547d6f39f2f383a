using System.Globalization;
using System.Text.Json.Nodes;

namespace Dumont.Scenarios.Harness;

/// <summary>A user with one running instance, on which tests work one after another, each in a folder of its own below <c>/workspace</c>.</summary>
internal sealed class Workplace
{
    private readonly ITestOutputHelper? _output;

    private Workplace(TestWorld world, ApiUser user, JsonNode instance, ITestOutputHelper? output) =>
        (World, User, Instance, Id, _output) = (world, user, instance, ApiUser.IdOf(instance), output);

    public TestWorld World { get; }

    public ApiUser User { get; }

    public JsonNode Instance { get; }

    public long Id { get; }

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    /// <summary>Waits until the instance runs and can be logged in to.</summary>
    /// <param name="world">Where it lives.</param>
    /// <param name="storage">The user's storage settings.</param>
    public static async Task<Workplace> CreateAsync(TestWorld world, JsonObject storage)
    {
        var user = await world.NewUserAsync(Cancelled);
        await user.PutAsync("/settings/cloud-storage", storage, Cancelled);
        var id = await user.Create4090Async(Cancelled, "checklist");
        var place = new Workplace(world, user, await user.AwaitStatusAsync(id, "running", TestWorld.Patience, Cancelled), output: null);
        await user.Ssh.RunSoonAsync(place.Instance, "mkdir -p /workspace", TestWorld.Patience, Cancelled);
        return place;
    }

    /// <summary>The same, whose figures go to the output of one test.</summary>
    public Workplace For(ITestOutputHelper output) => new(World, User, Instance, output);

    /// <summary>Names, kinds, modes and contents of a tree, but for what the agent stages.</summary>
    public static string Sums(string path) =>
        $"cd {path} && find . -path ./.dumont-tmp -prune -o \\( -type f -o -type l \\) -printf '%p %y %m %l\\n' | sort && find . -path ./.dumont-tmp -prune -o -type f -print0 | sort -z | xargs -0 -r md5sum";

    public Task<string> RunAsync(string script) => User.Ssh.RunAsync(Instance, script, Cancelled);

    /// <summary>Runs a script in a test's folder, which is made.</summary>
    public Task<string> InAsync(string folder, string script) => RunAsync($"mkdir -p /workspace/{folder}; cd /workspace/{folder}\n{script}");

    public Task<string> SumsAsync(string folder) => RunAsync(Sums($"/workspace/{folder}"));

    /// <summary>Two folders hold the same.</summary>
    public async Task AssertSameAsync(string folder, string other)
    {
        var both = (await RunAsync($"{Sums($"/workspace/{folder}")}; echo =====; {Sums($"/workspace/{other}")}")).Split("=====");
        Assert.Equal(both[0].Trim(), both[1].Trim());
    }

    /// <summary>Takes a snapshot of a folder, or of the whole workspace.</summary>
    public async Task<JsonNode> SnapshotAsync(string folder, string type = "incremental", string? name = null, params string[] tags)
    {
        var request = new JsonObject
        {
            ["instance_id"] = Id,
            ["source_path"] = folder.Length > 0 ? $"/workspace/{folder}" : "/workspace",
            ["type"] = type,
            ["name"] = name ?? folder,
            ["tags"] = new JsonArray([.. tags.Select(tag => JsonValue.Create(tag))]),
        };
        var made = (await User.PostAsync("/snapshots", request, Cancelled))!;
        Tell(folder, made.Number("size_bytes"), made.Number("data_added"), made["duration_seconds"]!.GetValue<double>());
        return made;
    }

    /// <summary>Syncs a folder.</summary>
    public async Task<JsonNode> SyncAsync(string folder)
    {
        var made = (await User.PostAsync($"/instances/{Id}/sync?force=true&source_path=/workspace/{folder}", null, Cancelled))!;
        Tell(folder, size: null, made.Number("data_added_bytes"), made["duration_seconds"]!.GetValue<double>());
        return made;
    }

    /// <summary>Brings a snapshot back, by default where it was.</summary>
    public async Task<JsonNode> RestoreAsync(string snapshot, string? target = null, params string[] include)
    {
        var request = new JsonObject { ["snapshot_id"] = snapshot, ["instance_id"] = Id, ["verify"] = true };
        if (target is not null)
        {
            request["target_path"] = $"/workspace/{target}";
        }

        if (include.Length > 0)
        {
            request["include"] = new JsonArray([.. include.Select(path => JsonValue.Create(path))]);
        }

        return (await User.PostAsync("/snapshots/restore", request, Cancelled))!;
    }

    /// <summary>What a reading of the whole repository finds wrong.</summary>
    public async Task<IReadOnlyList<string>> DamageAsync() =>
        [.. (await User.PostAsync("/snapshots/verify?read_data=true", null, Cancelled))!["errors"]!.AsArray().Select(error => error!.ToString())];

    /// <summary>The files in which the world keeps what is in its repositories: of the server's folder and of the bucket.</summary>
    public IReadOnlyList<FileInfo> StoredFiles() =>
    [
        .. new[] { Path.Combine(Path.GetDirectoryName(World.Server.DatabaseFile)!, "repositories"), Path.Combine(World.Cloud.Folder, "s3", CloudProcess.Bucket, "content") }
            .Where(Directory.Exists)
            .SelectMany(folder => new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories)),
    ];

    public HashSet<string> StoredNames() => [.. StoredFiles().Select(file => file.FullName)];

    public long StoredBytes() => StoredFiles().Sum(file => file.Length);

    /// <summary>Flips one bit in the middle of the largest stored file that is not among the known ones, and back again when it is disposed of.</summary>
    public IDisposable Damage(HashSet<string> known)
    {
        var file = StoredFiles().Where(file => !known.Contains(file.FullName)).MaxBy(file => file.Length)!;
        Flip();
        return new Undo(Flip);

        void Flip()
        {
            // The server keeps what it reads open.
            using var stream = file.Open(FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            stream.Position = file.Length / 2;
            var old = stream.ReadByte();
            stream.Position--;
            stream.WriteByte((byte)(old ^ 1));
        }
    }

    /// <summary>The sum of all series of a metric; 0 before there is one.</summary>
    public async Task<double> MetricAsync(string name, string labels = "")
    {
        using var http = new HttpClient();
        var text = await http.GetStringAsync(World.Server.MetricsUrl, Cancelled);
        return text.Split('\n')
            .Where(line => line.StartsWith(name, StringComparison.Ordinal) && line[name.Length] is ' ' or '{' && line.Contains(labels, StringComparison.Ordinal))
            .Sum(line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));
    }

    private void Tell(string what, long? size, long sent, double seconds) =>
        _output?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: {size} B, sent {sent} B in {seconds} s"));

    private sealed class Undo(Action action) : IDisposable
    {
        public void Dispose() => action();
    }
}
