using System.Runtime.CompilerServices;

namespace Dumont.Snapshots.Tests;

/// <summary>A store in memory. Copies are cheap: content is never changed in place.</summary>
internal sealed class MemoryObjectStore : IObjectStore
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, (byte[] Content, DateTimeOffset At)> _objects = new(StringComparer.Ordinal);

    private readonly TimeProvider _time;

    /// <summary>An empty store.</summary>
    /// <param name="time">Says when objects were written.</param>
    public MemoryObjectStore(TimeProvider time) => _time = time;

    private MemoryObjectStore(MemoryObjectStore other)
        : this(other._time)
    {
        Traits = other.Traits;
        lock (other._lock)
        {
            foreach (var (name, value) in other._objects)
            {
                _objects.Add(name, value);
            }
        }
    }

    /// <summary>Small packs, one call at a time: what happens then is the same each time.</summary>
    public StoreTraits Traits { get; init; } = new(16 << 10, 1);

    public IReadOnlyList<string> Names
    {
        get
        {
            lock (_lock)
            {
                return [.. _objects.Keys];
            }
        }
    }

    public byte[] this[string name]
    {
        get
        {
            lock (_lock)
            {
                return _objects[name].Content;
            }
        }
        set
        {
            lock (_lock)
            {
                _objects[name] = (value, default);
            }
        }
    }

    public MemoryObjectStore Copy() => new(this);

    public void Remove(string name)
    {
        lock (_lock)
        {
            _objects.Remove(name);
        }
    }

    public ValueTask<bool> PutAsync(string name, ReadOnlyMemory<byte> content, PutMode mode, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (mode == PutMode.CreateNew && _objects.ContainsKey(name))
            {
                return ValueTask.FromResult(false);
            }

            _objects[name] = (content.ToArray(), _time.GetUtcNow());
            return ValueTask.FromResult(true);
        }
    }

    public ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (!_objects.TryGetValue(name, out var found))
            {
                throw new ObjectStoreException(ObjectStoreErrorKind.NotFound, $"There is no {name}.");
            }

            var content = found.Content.AsMemory((int)Math.Min(offset, found.Content.Length));
            content = content[..Math.Min(content.Length, destination.Length)];
            content.CopyTo(destination);
            return ValueTask.FromResult(content.Length);
        }
    }

    public ValueTask<StoredObject?> FindAsync(string name, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return ValueTask.FromResult(_objects.TryGetValue(name, out var found) ? new StoredObject(name, found.Content.Length, found.At) : (StoredObject?)null);
        }
    }

    public async IAsyncEnumerable<StoredObject> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        List<StoredObject> found;
        lock (_lock)
        {
            found = [.. _objects.Where(o => o.Key.StartsWith(prefix, StringComparison.Ordinal)).Select(o => new StoredObject(o.Key, o.Value.Content.Length, o.Value.At))];
        }

        foreach (var stored in found)
        {
            yield return stored;
        }

        await Task.CompletedTask;
    }

    public ValueTask DeleteAsync(string name, CancellationToken cancellationToken)
    {
        Remove(name);
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
