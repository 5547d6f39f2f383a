namespace Dumont.Snapshots;

/// <summary>An object that goes to the disk while it is made: the disk begins to write sooner, and memory is free again while names are made durable.</summary>
internal sealed class DirectoryUpload(DirectoryObjectStore store, long expectedBytes) : IObjectUpload
{
    private readonly Lock _opening = new();
    private TemporaryFile? _file;

    public async ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> piece, CancellationToken cancellationToken) =>
        await store.RunAsync(
            "",
            () =>
            {
                Open().Write(offset, piece, cancellationToken);
                return true;
            },
            cancellationToken);

    public async ValueTask<bool> CompleteAsync(string name, long offset, ReadOnlyMemory<byte> last, PutMode mode, CancellationToken cancellationToken)
    {
        if (_file is not { } file)
        {
            return await store.PutAsync(name, last, mode, cancellationToken);
        }

        return await store.RunAsync(
            name,
            () =>
            {
                file.Write(offset, last, cancellationToken);
                return store.Name(file, name, offset + last.Length, mode);
            },
            cancellationToken);
    }

    public ValueTask DisposeAsync()
    {
        _file?.Dispose();
        return ValueTask.CompletedTask;
    }

    private TemporaryFile Open()
    {
        lock (_opening)
        {
            return _file ??= store.CreateTemporary(expectedBytes);
        }
    }
}
