using System.Text;
using System.Threading.Channels;
using Dumont.Contracts;

namespace Dumont.Server.Platform.Web.Live;

/// <summary>All who look at the same thing: one rendering for all of them, and the memory of which part changed in which version.</summary>
internal sealed class LiveGroup(LiveKey key, ILiveView view, TimeProvider time)
{
    // A view that is dear to render, such as a list of a thousand, is rendered more rarely.
    private const int RestFactor = 8;

    private static readonly TimeSpan RestMin = TimeSpan.FromMilliseconds(200);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, long> _changedIn = [];
    private Task _lastRendering = Task.CompletedTask;
    private readonly List<LiveClient> _clients = [];
    private LiveContent? _content;
    private string _rows = "";
    private long _rowsChangedIn;
    private (long From, long To, string Text)? _lastMessage;
    private bool _isDirty;
    private DateTimeOffset _restUntil = DateTimeOffset.MinValue;

    /// <summary>Tells this group from an earlier one of the same key, whose versions were others.</summary>
    public string Id { get; } = Guid.CreateVersion7().ToString("N");

    public LiveKey Key => key;

    /// <summary>Grows by each rendering that differs from the one before.</summary>
    public long Version { get; private set; }

    /// <summary>When it was last looked at by a page or a stream.</summary>
    public DateTimeOffset LastUsedAt { get; private set; } = time.GetUtcNow();

    /// <summary>When it is to be looked at again without a reason.</summary>
    public DateTimeOffset DueAt { get; private set; } = DateTimeOffset.MaxValue;

    public int ClientCount
    {
        get
        {
            lock (_lock)
            {
                return _clients.Count;
            }
        }
    }

    /// <summary>Something may have changed.</summary>
    public void Mark() => Volatile.Write(ref _isDirty, true);

    /// <summary>Whether the change of an instance concerns it.</summary>
    public bool Shows(InstanceId instance) => Volatile.Read(ref _content)?.Instances.Contains(instance) == true;

    /// <summary>Whether it should be rendered now.</summary>
    public bool IsDue(DateTimeOffset now) => ClientCount > 0 && now >= _restUntil && (Volatile.Read(ref _isDirty) || now >= DueAt);

    /// <summary>Looks again, tells those who watch, and gives the result.</summary>
    public async Task<LiveContent?> RenderAsync(CancellationToken cancellationToken)
    {
        // One after the other: each waits for the one that came before.
        var mine = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task before;
        lock (_lock)
        {
            (before, _lastRendering) = (_lastRendering, mine.Task);
        }

        await before;
        try
        {
            // Before the reading, so that what happens during it is a reason for the next one.
            Volatile.Write(ref _isDirty, false);
            var started = time.GetTimestamp();
            var content = await view.RenderAsync(key, cancellationToken);
            var now = time.GetUtcNow();
            var rest = time.GetElapsedTime(started) * RestFactor;
            lock (_lock)
            {
                Take(content);
                (LastUsedAt, DueAt, _restUntil) = (now, now + view.Interval, now + (rest > RestMin ? rest : RestMin));
                _clients.ForEach(client => client.Wake());
            }

            return content;
        }
        finally
        {
            mine.SetResult();
        }
    }

    /// <summary>Adds one who watches, and has seen <paramref name="seen"/>; zero for nothing.</summary>
    public LiveClient Join(long seen)
    {
        var client = new LiveClient(this) { Seen = seen <= Version ? seen : 0 };
        lock (_lock)
        {
            _clients.Add(client);
        }

        Mark();
        client.Wake();
        return client;
    }

    /// <summary>Takes one away.</summary>
    public void Leave(LiveClient client)
    {
        lock (_lock)
        {
            _clients.Remove(client);
            LastUsedAt = time.GetUtcNow();
        }
    }

    /// <summary>Wakes all, for the heartbeat.</summary>
    public void WakeAll()
    {
        lock (_lock)
        {
            _clients.ForEach(client => client.Wake());
        }
    }

    /// <summary>What has changed since <paramref name="seen"/>, and the version that it leads to; null for nothing. Gone means that there is nothing to
    /// see any more.</summary>
    public (string Html, long Version, bool IsGone)? ChangesSince(long seen)
    {
        lock (_lock)
        {
            if (seen >= Version)
            {
                return null;
            }

            if (_content is null)
            {
                return ("", Version, true);
            }

            // Those who watch mostly stand at the same version, so the text is made once for all of them.
            if (_lastMessage is not { } last || last.From != seen || last.To != Version)
            {
                _lastMessage = last = (seen, Version, Compose(_content, seen));
            }

            return (last.Text, Version, false);
        }
    }

    private void Take(LiveContent? content)
    {
        var next = Version + 1;
        if (content is null)
        {
            Version = _content is null && Version > 0 ? Version : next;
            _content = null;
            return;
        }

        var before = _content?.Fragments.Concat(_content.List?.Rows ?? []).ToDictionary(fragment => fragment.Id, fragment => fragment.Html) ?? [];
        var changed = false;
        foreach (var fragment in content.Fragments.Concat(content.List?.Rows ?? []))
        {
            if (!before.TryGetValue(fragment.Id, out var html) || html != fragment.Html)
            {
                _changedIn[fragment.Id] = next;
                changed = true;
            }
        }

        var rows = content.List is { } list ? string.Join(' ', list.Rows.Select(row => row.Id)) : "";
        if (rows != _rows)
        {
            (_rows, _rowsChangedIn, changed) = (rows, next, true);
        }

        Version = changed ? next : Version;
        _content = content;
    }

    private string Compose(LiveContent content, long seen)
    {
        var message = new StringBuilder();
        foreach (var fragment in content.Fragments.Where(fragment => _changedIn[fragment.Id] > seen))
        {
            message.Append(fragment.Html);
        }

        if (content.List is { } list && _rowsChangedIn > seen)
        {
            message.Append("<template data-list=\"").Append(list.Id).Append("\">").Append(list.Html).Append("</template>");
        }
        else if (content.List is { } same)
        {
            foreach (var row in same.Rows.Where(row => _changedIn[row.Id] > seen))
            {
                message.Append(row.Html);
            }
        }

        return message.ToString();
    }
}

/// <summary>One open page. However fast things change and however slow its line is, it holds one wake-up call at most; what it is then sent is the state
/// of that moment.</summary>
internal sealed class LiveClient(LiveGroup group) : IDisposable
{
    private readonly Channel<bool> _calls = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });

    public LiveGroup Group => group;

    /// <summary>The version that it has been sent.</summary>
    public long Seen { get; set; }

    public void Wake() => _calls.Writer.TryWrite(true);

    public ValueTask<bool> WaitAsync(CancellationToken cancellationToken) => _calls.Reader.ReadAsync(cancellationToken);

    public void Dispose() => group.Leave(this);
}
