using System.Text.Json.Nodes;

namespace Dumont.Dev;

/// <summary>A program that keeps trees in a repository, driven as its users drive it.</summary>
internal abstract class SnapshotTool(string name, string work)
{
    public string Name { get; } = name;

    protected string Work { get; } = work;

    protected string Repo => Path.Combine(Work, $"{Name.Replace(' ', '-')}-repo");

    protected abstract string Program { get; }

    protected virtual Dictionary<string, string> Variables => [];

    public abstract Task InitAsync(CancellationToken cancellationToken);

    public abstract Task<MeasuredRun> SnapshotAsync(string source, CancellationToken cancellationToken);

    /// <summary>Null: the tool has nothing that compares.</summary>
    public virtual Task<MeasuredRun>? RestoreAsync(string target, CancellationToken cancellationToken) => null;

    /// <summary>One file to standard output.</summary>
    public virtual Task<MeasuredRun>? CatAsync(string source, string file, CancellationToken cancellationToken) => null;

    public long StoredBytes() => SizeOf(Repo);

    /// <summary>Puts the repository aside and empties its files, so that their deletion slows nobody down.</summary>
    public void PutAway()
    {
        if (Directory.Exists(Repo))
        {
            Rubbish.PutAway(Work, Repo);
        }
    }

    protected Task<MeasuredRun> RunAsync(string[] arguments, CancellationToken cancellationToken, string? folder = null) =>
        MeasuredRun.OfAsync(folder ?? Work, Program, arguments, Variables, cancellationToken);

    private static long SizeOf(string folder) =>
        new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);
}

/// <summary>Our own engine through its command line.</summary>
internal sealed class DumontTool(string name, string work, string cli, bool isEncrypted) : SnapshotTool(name, work)
{
    protected override string Program => cli;

    private string KeyFile => Path.Combine(Work, "dumont.key");

    private string[] Place => isEncrypted ? ["--repo", Repo, "--key-file", KeyFile, "-q"] : ["--repo", Repo, "-q"];

    public override async Task InitAsync(CancellationToken cancellationToken) =>
        await RunAsync(isEncrypted ? ["repo", "init", .. Place] : ["repo", "init", "--no-encryption", .. Place], cancellationToken);

    public override Task<MeasuredRun> SnapshotAsync(string source, CancellationToken cancellationToken) =>
        RunAsync(["repo", "snapshot", source, "-o", "json", .. Place], cancellationToken);

    public override Task<MeasuredRun> RestoreAsync(string target, CancellationToken cancellationToken) =>
        RunAsync(["repo", "restore", "latest", "--target", target, .. Place], cancellationToken);

    public override Task<MeasuredRun> CatAsync(string source, string file, CancellationToken cancellationToken) =>
        RunAsync(["repo", "cat", "latest", file, .. Place], cancellationToken);

    /// <summary>What a snapshot added, by its own account.</summary>
    public static long AddedBytes(MeasuredRun run) => JsonNode.Parse(run.Output[run.Output.IndexOf('{', StringComparison.Ordinal)..])!["bytes_stored"]!.GetValue<long>();
}

/// <summary>restic: always encrypted, compresses what it can.</summary>
internal sealed class ResticTool(string work) : SnapshotTool("restic", work)
{
    protected override string Program => "/usr/bin/restic";

    protected override Dictionary<string, string> Variables => new()
    {
        ["RESTIC_PASSWORD"] = "bench",
        ["RESTIC_REPOSITORY"] = Repo,
        ["RESTIC_CACHE_DIR"] = Path.Combine(Work, "restic-cache"),
    };

    public override Task InitAsync(CancellationToken cancellationToken) => RunAsync(["init", "-q", "--repository-version", "2"], cancellationToken);

    public override Task<MeasuredRun> SnapshotAsync(string source, CancellationToken cancellationToken) =>
        RunAsync(["backup", "-q", source], cancellationToken);

    public override Task<MeasuredRun> RestoreAsync(string target, CancellationToken cancellationToken) =>
        RunAsync(["restore", "-q", "latest", "--target", target], cancellationToken);

    public override Task<MeasuredRun> CatAsync(string source, string file, CancellationToken cancellationToken) =>
        RunAsync(["dump", "-q", "latest", Path.Combine(source, file)], cancellationToken);
}

/// <summary>borg with the encryption that its documentation recommends for processors like these.</summary>
internal sealed class BorgTool(string work) : SnapshotTool("borg", work)
{
    private int _archive;

    protected override string Program => "/usr/bin/borg";

    protected override Dictionary<string, string> Variables => new()
    {
        ["BORG_PASSPHRASE"] = "bench",
        ["BORG_BASE_DIR"] = Path.Combine(Work, "borg-base"),
        ["BORG_RELOCATED_REPO_ACCESS_IS_OK"] = "yes",
    };

    public override Task InitAsync(CancellationToken cancellationToken) => RunAsync(["init", "-e", "repokey-blake2", Repo], cancellationToken);

    public override Task<MeasuredRun> SnapshotAsync(string source, CancellationToken cancellationToken) =>
        RunAsync(["create", $"{Repo}::a{++_archive}", source], cancellationToken);

    public override Task<MeasuredRun> RestoreAsync(string target, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(target);
        return RunAsync(["extract", $"{Repo}::a{_archive}"], cancellationToken, target);
    }
}

/// <summary>A plain copy: what the file system alone can do.</summary>
internal sealed class CopyTool(string work) : SnapshotTool("cp -a", work)
{
    protected override string Program => "/bin/cp";

    public override Task InitAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override Task<MeasuredRun> SnapshotAsync(string source, CancellationToken cancellationToken) =>
        RunAsync(["-a", source, Repo], cancellationToken);
}

/// <summary>Trees that are no longer wanted. Deleting thousands of files makes ext4 slow at creating others for minutes, so they are renamed
/// and emptied while something is measured, and deleted when all is done.</summary>
internal static class Rubbish
{
    public static void PutAway(string work, string folder)
    {
        var away = Path.Combine(work, "away");
        Directory.CreateDirectory(away);
        var target = Path.Combine(away, Guid.NewGuid().ToString("N"));
        Directory.Move(folder, target);
        foreach (var file in new DirectoryInfo(target).EnumerateFiles("*", SearchOption.AllDirectories).Where(file => file.LinkTarget is null && file.Length > 4096))
        {
            File.SetUnixFileMode(file.FullName, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            using var stream = file.Open(FileMode.Open, FileAccess.Write);
            stream.SetLength(0);
        }
    }
}
