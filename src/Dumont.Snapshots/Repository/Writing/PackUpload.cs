namespace Dumont.Snapshots;

/// <summary>A pack on its way into the store, piece by piece. Whoever stores the last missing piece gives it its name.</summary>
internal sealed class PackUpload(IObjectUpload upload)
{
    // The last piece counts from the beginning.
    private int _missing = 1;
    private PackPiece? _last;

    /// <summary>The last piece, when it came before others were written.</summary>
    public PackPiece? Last => _last;

    /// <summary>A piece will come before the last.</summary>
    public void Expect() => Interlocked.Increment(ref _missing);

    /// <summary>Stores a piece that is not the last.</summary>
    /// <returns>The last piece when no other is missing.</returns>
    public async Task<PackPiece?> WriteAsync(PackPiece piece, CancellationToken cancellationToken)
    {
        await upload.WriteAsync(piece.Offset, piece.Bytes, cancellationToken);
        return Count();
    }

    /// <summary>Keeps the last piece until the others are written.</summary>
    /// <returns>It, when they are.</returns>
    public PackPiece? Keep(PackPiece last)
    {
        _last = last;
        return Count();
    }

    /// <summary>Stores the last piece. Of the same name can only be the same pack, stored by an attempt that lost its answer.</summary>
    public async Task CompleteAsync(PackPiece last, CancellationToken cancellationToken)
    {
        _last = null;
        await upload.CompleteAsync(ObjectNames.Pack(last.Content!.Name), last.Offset, last.Bytes, PutMode.CreateNew, cancellationToken);
        await upload.DisposeAsync();
    }

    /// <summary>Leaves nothing of it in the store, unless it was completed.</summary>
    public ValueTask AbandonAsync() => upload.DisposeAsync();

    private PackPiece? Count() => Interlocked.Decrement(ref _missing) == 0 ? _last : null;
}
