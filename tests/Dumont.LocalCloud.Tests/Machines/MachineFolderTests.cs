using Dumont.LocalCloud.Machines;

namespace Dumont.LocalCloud.Tests.Machines;

public sealed class MachineFolderTests : IDisposable
{
    private const int Rounds = 300;

    private readonly string _root = Directory.CreateTempSubdirectory("dumont-folder-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    /// <summary>A machine boots while an order changes its keys.</summary>
    [Fact]
    public async Task WriteKeys_TwoAtOnce_EachIsWhole()
    {
        await Task.WhenAll(Enumerable.Range(0, 2).Select(writer => Task.Run(() =>
        {
            var folder = new MachineFolder(_root, "vast-1");
            for (var round = 0; round < Rounds; round++)
            {
                folder.WriteKeys(new Dictionary<string, IReadOnlyList<string>> { ["root"] = [$"ssh-ed25519 {writer}"], ["carrier"] = [$"ssh-ed25519 {writer}"] });
            }
        })));

        var files = Directory.GetFiles(Path.Combine(_root, "vast-1", "config", "keys")).Order().ToList();
        Assert.Equal(["carrier", "root"], files.Select(Path.GetFileName));
        Assert.Equal(File.ReadAllText(files[0]), File.ReadAllText(files[1]));
        Assert.Matches("^ssh-ed25519 [01]\n$", File.ReadAllText(files[0]));
    }
}
