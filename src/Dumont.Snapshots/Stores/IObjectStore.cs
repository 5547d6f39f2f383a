namespace Dumont.Snapshots;

/// <summary>Where the objects of a repository live: a folder, a bucket. Objects have relative names of <c>[a-z0-9/._-]</c>, built from ids,
/// and are written whole; a reader sees an object whole or not at all.</summary>
/// <remarks>Any member may be called from any thread, and several calls may run at once. Every member throws
/// <see cref="ObjectStoreException"/> when the store cannot do what is asked, and <see cref="ArgumentException"/> for a name that is none.
/// Memory that is handed in may be native; it must stay as it is until the call has returned.</remarks>
public interface IObjectStore : IAsyncDisposable
{
    /// <summary>What the store likes best.</summary>
    StoreTraits Traits { get; }

    /// <summary>Writes an object. When the call returns, the object is durable: it outlives a power cut.</summary>
    /// <returns>False when there is one of that name already and <paramref name="mode"/> is <see cref="PutMode.CreateNew"/>; that one is
    /// durable and was not touched.</returns>
    ValueTask<bool> PutAsync(string name, ReadOnlyMemory<byte> content, PutMode mode, CancellationToken cancellationToken);

    /// <summary>Begins an object that is handed over while it is made, and whose name only its end tells.</summary>
    /// <param name="expectedBytes">About as long as it will be.</param>
    /// <remarks>A store that knows no better way keeps the pieces and writes them with the last one.</remarks>
    IObjectUpload BeginUpload(long expectedBytes) => new BufferedUpload(this);

    /// <summary>Reads a piece of an object.</summary>
    /// <returns>Bytes read: fewer than asked only at the object's end, 0 at or behind it.</returns>
    /// <exception cref="ObjectStoreException">Among others <see cref="ObjectStoreErrorKind.NotFound"/>.</exception>
    ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken);

    /// <summary>What is known of an object, or null when there is none.</summary>
    ValueTask<StoredObject?> FindAsync(string name, CancellationToken cancellationToken);

    /// <summary>Every object whose name begins with <paramref name="prefix"/>, in ordinal order of the names. What is written or deleted
    /// meanwhile may be there or not.</summary>
    IAsyncEnumerable<StoredObject> ListAsync(string prefix, CancellationToken cancellationToken);

    /// <summary>Deletes an object; there being none is no error.</summary>
    ValueTask DeleteAsync(string name, CancellationToken cancellationToken);
}

/// <summary>An object on its way into a store. Until it is completed nobody sees it, also after a crash; disposed of before that, it is gone.</summary>
public interface IObjectUpload : IAsyncDisposable
{
    /// <summary>Hands over a piece that is not the last. Several calls may run at once.</summary>
    /// <param name="offset">Where in the object; a multiple of <see cref="PieceAlignmentBytes"/>.</param>
    /// <param name="piece">Its bytes; a multiple of <see cref="PieceAlignmentBytes"/> too. They must stay as they are until the call has returned.</param>
    /// <param name="cancellationToken">Stops; the object cannot be completed then.</param>
    /// <exception cref="ObjectStoreException">Not written; the object cannot be completed any more.</exception>
    ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> piece, CancellationToken cancellationToken);

    /// <summary>Hands over the last piece and gives the object its name, once the calls for all others have returned; together the pieces must cover
    /// every byte. When the call returns, the object is durable.</summary>
    /// <returns>As <see cref="IObjectStore.PutAsync"/>.</returns>
    ValueTask<bool> CompleteAsync(string name, long offset, ReadOnlyMemory<byte> last, PutMode mode, CancellationToken cancellationToken);

    /// <summary>Where pieces begin: disks write whole pages.</summary>
    public const int PieceAlignmentBytes = 4096;
}

/// <summary>What <see cref="IObjectStore.PutAsync"/> does with an object that is there already.</summary>
public enum PutMode
{
    /// <summary>Leave it as it is. Of several that write one name at once exactly one succeeds.</summary>
    CreateNew,

    /// <summary>Replace it in one step.</summary>
    Overwrite,
}

/// <summary>An object as the store knows it.</summary>
/// <param name="Name">Its name in the store.</param>
/// <param name="SizeBytes">Its length.</param>
/// <param name="ModifiedAt">When it was written, by the clock of the store.</param>
public readonly record struct StoredObject(string Name, long SizeBytes, DateTimeOffset ModifiedAt);

/// <summary>What a store likes best.</summary>
/// <param name="PreferredPackBytes">Size of objects that it moves well.</param>
/// <param name="Concurrency">Calls at once that keep it busy.</param>
public readonly record struct StoreTraits(int PreferredPackBytes, int Concurrency)
{
    /// <summary>Size of pieces in which it takes an object while that is made; 0: it wants objects whole.</summary>
    public int PieceBytes { get; init; }

    /// <summary>Pieces at once that keep it busy.</summary>
    public int PiecesAtOnce { get; init; }
}
