namespace Dumont.LocalCloud.State;

/// <summary>Keeps a second local cloud off a data folder for as long as the first one lives, however it ends.</summary>
internal sealed class FolderLock : IDisposable
{
    private readonly FileStream _file;

    private FolderLock(FileStream file) => _file = file;

    /// <exception cref="IOException">Another process holds it.</exception>
    public static FolderLock Take(string folder)
    {
        try
        {
            return new FolderLock(new FileStream(Path.Combine(folder, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException e)
        {
            throw new IOException($"another local cloud uses {folder} already; give this one a folder of its own with --data", e);
        }
    }

    public void Dispose() => _file.Dispose();
}
