using System.IO.Pipelines;
using System.Text;
using Dumont.Agent.Workspace;
using Dumont.Snapshots;
using Dumont.Snapshots.Sync;

namespace Dumont.Agent.Tests.Workspace;

/// <summary>A watched tree and its follower in this process.</summary>
internal sealed class WatchedPair(TempFolder folder) : IAsyncDisposable
{
    // Longer than any test: what arrives was noticed by the watcher.
    private static readonly SyncOptions Options = new() { Debounce = TimeSpan.FromMilliseconds(1), RescanPeriod = TimeSpan.FromHours(1) };

    private readonly CancellationTokenSource _stop = new();
    private readonly TreeChanges _changes = new(TimeProvider.System);
    private readonly string _from = folder.Folder("from");
    private TreeWatcher? _watcher;
    private SyncSink? _sink;
    private Task _running = Task.CompletedTask;

    public string To { get; } = folder.Folder("to");

    public string At(string path) => Path.Combine(_from, path);

    public void Write(string path, string text) => File.WriteAllText(At(path), text);

    /// <summary>Watches and connects; returns when the first pass is over.</summary>
    public async Task StartAsync()
    {
        _watcher = new TreeWatcher(_from, _changes, TestAgent.Log);
        var source = new SyncSource(_from, new SyncIdentity(1, 0, 1), _changes, new TreeIndex(), Options, TimeProvider.System);
        _sink = new SyncSink(To, 2, 0, new SyncFence(1), new TreeIndex(), Options, TimeProvider.System);
        var toSink = new Pipe();
        var toSource = new Pipe();
        _running = Task.WhenAll(
            source.RunAsync(toSource.Reader.AsStream(), toSink.Writer.AsStream(), _stop.Token),
            _sink.RunAsync(toSink.Reader.AsStream(), toSource.Writer.AsStream(), _stop.Token));
        await Eventually.TrueAsync(() => source.Status.RoundsCompleted >= 2 || source.Status is { Phase: SyncPhase.Live, PendingChanges: 0 }, "first pass");
        await Eventually.TrueAsync(() => _watcher.IsReady, "watches are set");
    }

    public bool Drain() => _watcher!.Drain();

    /// <summary>Waits until the follower's tree is the same.</summary>
    public Task EqualAsync() => Eventually.TrueAsync(() => Facts(_from) == Facts(To), $"{_from} and {To} are equal");

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _watcher?.Dispose();
        _sink?.Dispose();
        _changes.Dispose();
        _stop.Dispose();
    }

    private static string Facts(string tree)
    {
        try
        {
            using var root = TreeRoot.Open(tree);
            var entries = root.Walk().ToList();
            var names = entries.Where(entry => entry.Kind == TreeEntryKind.File).ToLookup(entry => entry.Stamp.Inode, entry => entry.Path);
            var lines = entries.Select(entry =>
                $"{entry.Path} {entry.Kind} {entry.Mode} {entry.Stamp.ModifiedNs} {entry.LinkTarget} {Content(tree, entry)} {entry.UserId} {entry.GroupId} {names[entry.Stamp.Inode].Order().FirstOrDefault()}");
            return string.Join('\n', lines.Order(StringComparer.Ordinal));
        }
        catch (IOException moving)
        {
            return moving.Message;
        }
    }

    private static string Content(string tree, TreeEntry entry) =>
        entry.Kind == TreeEntryKind.File ? Encoding.UTF8.GetString(File.ReadAllBytes(Path.Combine(tree, entry.Path.ToString()))) : "";
}
