using System.Collections.Concurrent;

namespace Dumont.Server.Auth;

/// <summary>Remembers for two seconds whose API key it was, so that a busy key costs no query per request. A key that is revoked by another
/// replica is refused after that time, one that is revoked here at once.</summary>
internal sealed class ApiKeyCache(ApiKeyStore store, TimeProvider time)
{
    private const int EntriesMax = 10_000;

    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<string, (ApiKeyOwner Owner, DateTimeOffset Until)> _owners = new();
    private readonly ConcurrentDictionary<long, DateTimeOffset> _uses = new();

    /// <summary>The owner of the key <paramref name="secret"/>, or null.</summary>
    public async ValueTask<ApiKeyOwner?> FindOwnerAsync(string secret, CancellationToken cancellationToken)
    {
        var hash = AuthStore.HashOf(secret);
        var now = time.GetUtcNow();
        if (!_owners.TryGetValue(hash, out var entry) || entry.Until <= now)
        {
            if (await store.FindOwnerAsync(hash, cancellationToken) is not { } owner)
            {
                return null;
            }

            entry = (owner, now + Lifetime < owner.ExpiresAt || owner.ExpiresAt is null ? now + Lifetime : owner.ExpiresAt.Value);
            if (_owners.Count >= EntriesMax)
            {
                _owners.Clear();
            }

            _owners[hash] = entry;
        }

        _uses[entry.Owner.KeyId] = now;
        return entry.Owner;
    }

    /// <summary>Forgets a key that was revoked.</summary>
    public void Forget(string hash) => _owners.TryRemove(hash, out _);

    /// <summary>Writes when keys were used since the last call.</summary>
    public async Task FlushUsesAsync(CancellationToken cancellationToken)
    {
        var uses = _uses.ToArray();
        if (uses.Length > 0)
        {
            await store.TouchAsync(uses, cancellationToken);
            foreach (var use in uses)
            {
                // A later use stays for the next time.
                _uses.TryRemove(use);
            }
        }
    }
}
