using System.Text;

namespace Dumont.Snapshots.Tests;

public sealed class TreePathTests
{
    public static TheoryData<string> Escapes() =>
    [
        "", "/", "/etc/passwd", "..", "../x", "a/..", "a/../b", "a/../../b", ".", "./a", "a/.", "a/./b", "a//b", "a/", "//", "a\0b", "\0",
        new string('n', 256), "a/" + new string('n', 256), string.Join('/', Enumerable.Repeat("component", 500)),
    ];

    [Theory]
    [MemberData(nameof(Escapes))]
    public void TryCreate_LeadsOutOrIsNoPath_IsRefused(string path) =>
        Assert.False(TreePath.TryCreate(Encoding.UTF8.GetBytes(path), out _));

    [Theory]
    [InlineData("a")]
    [InlineData("...")]
    [InlineData("..a/b..")]
    [InlineData("a b/c\nd")]
    [InlineData("çédille/日本")]
    public void TryCreate_Ordinary_KeepsTheBytes(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);

        Assert.True(TreePath.TryCreate(bytes, out var path));
        Assert.Equal(bytes, path.ToBytes());
        Assert.Equal(text, path.ToString());
    }

    [Fact]
    public void TryCreate_NotUtf8_KeepsTheBytes()
    {
        byte[] bytes = [0xFF, 0xFE, (byte)'/', 0x80];

        Assert.True(TreePath.TryCreate(bytes, out var path));
        Assert.Equal(bytes, path.ToBytes());
        Assert.NotEqual(path, TreePath.Parse(path.ToString()));
    }

    [Fact]
    public void IsWithin_SiblingWithSamePrefix_IsOutside()
    {
        Assert.True(TreePath.Parse("a/b").IsWithin(TreePath.Parse("a")));
        Assert.True(TreePath.Parse("a").IsWithin(TreePath.Parse("a")));
        Assert.True(TreePath.Parse("a").IsWithin(TreePath.Root));
        Assert.False(TreePath.Parse("ab").IsWithin(TreePath.Parse("a")));
        Assert.False(TreePath.Parse("a").IsWithin(TreePath.Parse("a/b")));
    }

    [Fact]
    public void Parent_Nested_ClimbsToTheRoot()
    {
        Assert.Equal(TreePath.Parse("a/b"), TreePath.Parse("a/b/c").Parent);
        Assert.True(TreePath.Parse("a").Parent.IsRoot);
        Assert.True(TreePath.Root.Parent.IsRoot);
    }
}
