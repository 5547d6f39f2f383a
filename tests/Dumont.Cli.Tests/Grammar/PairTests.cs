using System.Text;
using Dumont.Cli.Grammar;

namespace Dumont.Cli.Tests.Grammar;

public sealed class PairTests
{
    private const int Runs = 10_000;

    [Theory]
    [InlineData("gpu_name=rtx4090", "gpu_name", PairKind.Text, "rtx4090")]
    [InlineData("task=Train Llama 3 8B with LoRA", "task", PairKind.Text, "Train Llama 3 8B with LoRA")]
    [InlineData("cmd=a=b==c", "cmd", PairKind.Text, "a=b==c")]
    [InlineData("ports:=[80,81]", "ports", PairKind.Json, "[80,81]")]
    [InlineData("key=@file.txt", "key", PairKind.File, "file.txt")]
    [InlineData(@"key=\@home", "key", PairKind.Text, "@home")]
    [InlineData(@"re=\d+", "re", PairKind.Text, @"\d+")]
    [InlineData("settings.auto_hibernate=true", "settings.auto_hibernate", PairKind.Text, "true")]
    [InlineData("skip-standby=true", "skip-standby", PairKind.Text, "true")]
    [InlineData("empty=", "empty", PairKind.Text, "")]
    public void TryParse_Pair_SplitsAtTheFirstSign(string token, string key, object kind, string value)
    {
        Assert.True(Pair.TryParse(token, out var pair));
        Assert.Equal(new Pair(key, (PairKind)kind, value), pair.Value);
    }

    [Theory]
    [InlineData("rtx4090")]
    [InlineData("=x")]
    [InlineData("1a=x")]
    [InlineData("a.=x")]
    [InlineData(".a=x")]
    [InlineData("a b=x")]
    [InlineData("user@email.com=x")]
    [InlineData("")]
    public void TryParse_NotAPair_SaysNo(string token) => Assert.False(Pair.TryParse(token, out _));

    [Fact]
    public void TryParse_AnythingPrinted_GivesItBack()
    {
        var random = new Random(20261121);
        for (var i = 0; i < Runs; i++)
        {
            var pair = new Pair(RandomKey(random), (PairKind)random.Next(3), RandomValue(random));
            Assert.True(Pair.TryParse(pair.ToString(), out var parsed), $"run {i}: {pair}");
            Assert.Equal(pair, parsed.Value);
        }
    }

    [Fact]
    public void TryParse_AnyToken_NeverThrows()
    {
        var random = new Random(7);
        for (var i = 0; i < Runs; i++)
        {
            var token = RandomValue(random);
            if (Pair.TryParse(token, out var pair))
            {
                Assert.True(Pair.TryParse(pair.Value.ToString(), out var again));
                Assert.Equal(pair, again);
            }
        }
    }

    private static string RandomKey(Random random)
    {
        var key = new StringBuilder();
        for (var names = random.Next(1, 4); names > 0; names--)
        {
            key.Append("abcXYZ_"[random.Next(7)]);
            for (var length = random.Next(0, 6); length > 0; length--)
            {
                key.Append("abz09_-Q"[random.Next(8)]);
            }

            key.Append(names > 1 ? "." : "");
        }

        return key.ToString();
    }

    private static string RandomValue(Random random)
    {
        var value = new StringBuilder();
        for (var length = random.Next(0, 12); length > 0; length--)
        {
            value.Append(@"=:@\.ab1 {}""'[]çü-_/"[random.Next(20)]);
        }

        return value.ToString();
    }
}
