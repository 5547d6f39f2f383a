using System.Globalization;
using Dumont.LocalCloud.Machines;

namespace Dumont.LocalCloud.Vast;

/// <summary>The files of volumes: a folder each, mounted into machines.</summary>
internal sealed class VolumeFiles(string dataFolder, Sandbox sandbox)
{
    private readonly string _folder = Path.Combine(Path.GetFullPath(dataFolder), "volumes");

    public string FolderOf(long id) => Path.Combine(_folder, string.Create(CultureInfo.InvariantCulture, $"V.{id}"));

    public void Ensure(long id) => Directory.CreateDirectory(FolderOf(id));

    public Task RemoveAsync(long id, CancellationToken cancellationToken) => sandbox.RemoveFolderAsync(FolderOf(id), cancellationToken);

    /// <summary>Deletes the files of volumes that are forgotten: a crash came between.</summary>
    public async Task RemoveOthersAsync(IReadOnlyCollection<long> known, CancellationToken cancellationToken)
    {
        var kept = known.Select(FolderOf).ToHashSet();
        foreach (var folder in Directory.Exists(_folder) ? Directory.GetDirectories(_folder).Where(folder => !kept.Contains(folder)) : [])
        {
            await sandbox.RemoveFolderAsync(folder, cancellationToken);
        }
    }
}
