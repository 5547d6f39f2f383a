using System.Security.Cryptography;

namespace Dumont.Snapshots;

/// <summary>The key objects of an opened repository. Knows which of them are sure to open it: the one that did, and those that were added since.</summary>
internal sealed class KeyObjects
{
    private const int IdDigits = 16;

    private readonly IObjectStore _store;
    private readonly byte[] _binding;
    private readonly HashSet<string> _proven;

    private KeyObjects(IObjectStore store, RepositoryKeys keys, byte[] binding, string proven)
    {
        _store = store;
        _binding = binding;
        Keys = keys;
        _proven = new HashSet<string>(StringComparer.Ordinal) { proven };
    }

    /// <summary>What is derived from the master key.</summary>
    public RepositoryKeys Keys { get; }

    /// <summary>Makes a master key and stores it wrapped.</summary>
    public static async Task<KeyObjects> InitAsync(
        IObjectStore store, RepositorySecret secret, byte[] config, TimeProvider time, CancellationToken cancellationToken)
    {
        var keys = new RepositoryKeys(RandomNumberGenerator.GetBytes(RepositoryKeys.KeyBytes));
        var binding = BindingOf(config);
        return new KeyObjects(store, keys, binding, await PutAsync(store, keys, secret, binding, "first", time, cancellationToken));
    }

    /// <exception cref="RepositoryException">The secret opens none of the keys.</exception>
    /// <exception cref="SnapshotFormatException">Neither does it open one, and one is damaged.</exception>
    public static async Task<KeyObjects> OpenAsync(IObjectStore store, RepositorySecret secret, byte[] config, CancellationToken cancellationToken)
    {
        var binding = BindingOf(config);
        SnapshotFormatException? damaged = null;
        await foreach (var stored in store.ListAsync(ObjectNames.Keys, cancellationToken))
        {
            try
            {
                var content = await Repository.ReadSmallAsync(store, stored.Name, cancellationToken);
                if (KeyObject.FromObject(content, stored.Name).TryUnwrap(secret, binding) is { } keys)
                {
                    return new KeyObjects(store, keys, binding, stored.Name[ObjectNames.Keys.Length..]);
                }
            }
            catch (SnapshotFormatException e)
            {
                // Another key may do.
                damaged = e;
            }
            catch (ObjectStoreException e) when (e.Kind == ObjectStoreErrorKind.NotFound)
            {
                // It was removed after it was listed.
            }
        }

        throw damaged is not null ? damaged : new RepositoryException(
            RepositoryErrorKind.WrongKey,
            $"This {(secret.IsPassword ? "password" : "key file")} does not open the repository, or its configuration was changed. Check that it is the right one.");
    }

    /// <summary>The name of a key object begins the digest of its content.</summary>
    public static void CheckName(string name, ReadOnlySpan<byte> content)
    {
        if (name != ObjectNames.Keys + IdOf(content))
        {
            throw new SnapshotFormatException($"{name} is damaged: its content does not match its name");
        }
    }

    /// <returns>Id of the new key.</returns>
    public async Task<string> AddAsync(RepositorySecret secret, string label, TimeProvider time, CancellationToken cancellationToken)
    {
        var id = await PutAsync(_store, Keys, secret, _binding, label, time, cancellationToken);
        _proven.Add(id);
        return id;
    }

    /// <summary>Removes one of <paramref name="all"/>. An interrupted 'init' may have left a key that opens nothing, so counting them is not enough:
    /// one that is sure to open the repository must stay.</summary>
    /// <exception cref="RepositoryException">No such key, or nobody could be sure to open the repository without it.</exception>
    public async Task RemoveAsync(string id, IReadOnlyList<RepositoryKey> all, CancellationToken cancellationToken)
    {
        var matches = all.Where(key => key.Id.StartsWith(id, StringComparison.Ordinal)).ToList();
        if (all.Count == 1)
        {
            throw new RepositoryException(
                RepositoryErrorKind.WrongKey, "This is the only key: without it nobody could open the repository. Add another one first.");
        }

        if (matches.Count != 1)
        {
            throw new RepositoryException(
                RepositoryErrorKind.WrongKey, $"{(matches.Count == 0 ? "No key has" : "Several keys have")} the id '{id}'. List them with 'repo key list'.");
        }

        if (!all.Any(key => key != matches[0] && _proven.Contains(key.Id)))
        {
            throw new RepositoryException(
                RepositoryErrorKind.WrongKey, "The repository was opened with this key. Open it with the one that is to stay, and remove this one then.");
        }

        await _store.DeleteAsync(ObjectNames.Keys + matches[0].Id, cancellationToken);
    }

    private static async Task<string> PutAsync(
        IObjectStore store, RepositoryKeys keys, RepositorySecret secret, byte[] binding, string label, TimeProvider time, CancellationToken cancellationToken)
    {
        var content = KeyObject.Wrap(keys, secret, binding, label, time.GetUtcNow()).ToObject();
        var id = IdOf(content);
        await store.PutAsync(ObjectNames.Keys + id, content, PutMode.CreateNew, cancellationToken);
        return id;
    }

    private static string IdOf(ReadOnlySpan<byte> content) => ContentHash.Of(content).ToString()[..IdDigits];

    private static byte[] BindingOf(byte[] config)
    {
        var binding = new byte[ContentHash.SizeBytes];
        ContentHash.Of(config).CopyTo(binding);
        return binding;
    }
}
