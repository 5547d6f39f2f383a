namespace Dumont.Snapshots.Tests;

/// <summary>What a malicious peer, or a link planted in the tree, may try: nothing outside may change.</summary>
public sealed class TreeWriterTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly string _tree;
    private readonly string _outside;
    private readonly TreeRoot _root;
    private readonly TreeWriter _writer;

    public TreeWriterTests()
    {
        _tree = _folder.Folder("tree");
        _outside = _folder.Folder("outside");
        File.WriteAllText(Path.Combine(_outside, "precious"), "precious");
        _root = TreeRoot.Open(_tree);
        _writer = new TreeWriter(_root);
    }

    public void Dispose()
    {
        _writer.Dispose();
        _root.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Place_ThroughLinkedDirectory_IsRefused()
    {
        File.CreateSymbolicLink(Path.Combine(_tree, "door"), _outside);

        Assert.Throws<DirectoryNotFoundException>(() => Place("door/planted", "evil"));
        Assert.Throws<DirectoryNotFoundException>(() => Place("door/precious", "evil"));
        Assert.Throws<DirectoryNotFoundException>(() => _writer.MakeDirectory(TreePath.Parse("door/made"), 0b111_101_101, 0, null));
        Assert.Throws<DirectoryNotFoundException>(() => _writer.PlaceLink(TreePath.Parse("door/link"), "x", 0, null));
        Assert.Throws<DirectoryNotFoundException>(() => _writer.SetFileAttributes(TreePath.Parse("door/precious"), 0, 0, null));
        _writer.Delete(TreePath.Parse("door/precious"));

        AssertOutsideUntouched();
    }

    [Fact]
    public void Place_OverLinkToFile_ReplacesTheLink()
    {
        File.CreateSymbolicLink(Path.Combine(_tree, "door"), Path.Combine(_outside, "precious"));

        Place("door", "mine");

        Assert.Null(new FileInfo(Path.Combine(_tree, "door")).LinkTarget);
        Assert.Equal("mine", File.ReadAllText(Path.Combine(_tree, "door")));
        AssertOutsideUntouched();
    }

    [Fact]
    public void SetFileAttributes_OnLink_IsRefused()
    {
        File.CreateSymbolicLink(Path.Combine(_tree, "door"), Path.Combine(_outside, "precious"));

        Assert.Throws<DirectoryNotFoundException>(() => _writer.SetFileAttributes(TreePath.Parse("door"), 0, 0, null));
        AssertOutsideUntouched();
    }

    [Fact]
    public void MakeDirectory_OverLinkToDirectory_ReplacesTheLink()
    {
        File.CreateSymbolicLink(Path.Combine(_tree, "door"), _outside);

        _writer.MakeDirectory(TreePath.Parse("door"), 0b111_000_000, 0, null);
        Place("door/inside", "mine");

        Assert.Null(new DirectoryInfo(Path.Combine(_tree, "door")).LinkTarget);
        AssertOutsideUntouched();
    }

    [Fact]
    public void Delete_TreeWithLinksOut_LeavesTheTargets()
    {
        Directory.CreateDirectory(Path.Combine(_tree, "a/b"));
        File.CreateSymbolicLink(Path.Combine(_tree, "a/b/out"), _outside);
        File.CreateSymbolicLink(Path.Combine(_tree, "a/precious"), Path.Combine(_outside, "precious"));

        _writer.Delete(TreePath.Parse("a"));
        _writer.SyncNames();
        _writer.EmptyTrash();

        Assert.Equal([Path.Combine(_tree, TreePath.StagingName)], Directory.GetFileSystemEntries(_tree));
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(_tree, TreePath.StagingName)));
        AssertOutsideUntouched();
    }

    [Fact]
    public void Delete_VeryDeepTree_NeedsNoRecursion()
    {
        var path = Path.Combine(_tree, "deep", string.Join('/', Enumerable.Repeat("d", 1500)));
        Directory.CreateDirectory(path);

        _writer.Delete(TreePath.Parse("deep"));
        _writer.EmptyTrash();

        Assert.False(Directory.Exists(Path.Combine(_tree, "deep")));
    }

    [Fact]
    public void Writer_StagingIsALink_MakesItsOwn()
    {
        var tree = _folder.Folder("second");
        File.CreateSymbolicLink(Path.Combine(tree, TreePath.StagingName), _outside);
        using var root = TreeRoot.Open(tree);

        using var writer = new TreeWriter(root);

        Assert.Null(new DirectoryInfo(Path.Combine(tree, TreePath.StagingName)).LinkTarget);
        AssertOutsideUntouched();
    }

    [Fact]
    public void Writer_LeftOversInStaging_AreRemoved()
    {
        var tree = _folder.Folder("third");
        Directory.CreateDirectory(Path.Combine(tree, TreePath.StagingName, "7/x/y"));
        File.WriteAllText(Path.Combine(tree, TreePath.StagingName, "3"), "half a file");
        using var root = TreeRoot.Open(tree);

        using var writer = new TreeWriter(root);

        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(tree, TreePath.StagingName)));
    }

    [Fact]
    public void FindFile_ThroughLinks_FindsNothing()
    {
        File.CreateSymbolicLink(Path.Combine(_tree, "door"), _outside);
        File.CreateSymbolicLink(Path.Combine(_tree, "file"), Path.Combine(_outside, "precious"));

        Assert.Null(_root.FindFile(TreePath.Parse("door/precious")));
        Assert.Null(_root.FindFile(TreePath.Parse("file")));
        Assert.Null(_root.Find(TreePath.Parse("door/precious")));
        Assert.DoesNotContain(_root.Walk(), entry => entry.Path.ToString().StartsWith("door/", StringComparison.Ordinal));
    }

    private void Place(string path, string content)
    {
        var (file, name) = _writer.CreateFile();
        using (file)
        {
            RandomAccess.Write(file, System.Text.Encoding.UTF8.GetBytes(content), 0);
        }

        _writer.Place(name, TreePath.Parse(path));
    }

    private void AssertOutsideUntouched()
    {
        Assert.Equal([Path.Combine(_outside, "precious")], Directory.GetFileSystemEntries(_outside));
        Assert.Equal("precious", File.ReadAllText(Path.Combine(_outside, "precious")));
    }
}
