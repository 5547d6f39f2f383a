using System.Text.Json;
using Dumont.Providers.Wire;

namespace Dumont.Providers.Tests.Wire;

public sealed class WireTests
{
    [Theory]
    [InlineData("1", 1L)]
    [InlineData("\"12345678901234\"", 12345678901234L)]
    [InlineData("3.0", 3L)]
    [InlineData("1e3", 1000L)]
    [InlineData("3.5", null)]
    [InlineData("1e40", null)]
    [InlineData("\"NaN\"", null)]
    [InlineData("true", null)]
    [InlineData("null", null)]
    [InlineData("[1]", null)]
    public void Integer_OfAnyJson_IsWholeOrNull(string json, long? value) => Assert.Equal(value, Of(json).Integer("x"));

    [Theory]
    [InlineData("0.5", 0.5)]
    [InlineData("\"0.99\"", 0.99)]
    [InlineData("1e999", null)]
    [InlineData("\"Infinity\"", null)]
    [InlineData("\"\"", null)]
    [InlineData("{}", null)]
    public void Number_OfAnyJson_IsFiniteOrNull(string json, double? value) => Assert.Equal(value, Of(json).Number("x"));

    [Theory]
    [InlineData("\" a \"", "a")]
    [InlineData("\"\"", null)]
    [InlineData("5", null)]
    [InlineData("null", null)]
    public void Text_OfAnyJson_IsTrimmedOrNull(string json, string? value) => Assert.Equal(value, Of(json).Text("x"));

    [Fact]
    public void Property_OfWhatIsNoObject_IsNull()
    {
        foreach (var json in new[] { "[]", "1", "\"x\"", "null", "true" })
        {
            var element = JsonElement.Parse(json);
            Assert.Null(element.At("x"));
            Assert.False(element.Has("x"));
            Assert.Empty(element.Items("x"));
        }

        Assert.Null(default(JsonElement).Text("x"));
        Assert.True(JsonElement.Parse("""{"x":null}""").Has("x"));
    }

    [Theory]
    [InlineData("ssh6.vast.ai", true)]
    [InlineData("203.0.113.9", true)]
    [InlineData("2001:db8::1", true)]
    [InlineData("-oProxyCommand=x", false)]
    [InlineData("a b", false)]
    [InlineData("a;b", false)]
    [InlineData("a\n", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void Host_FromAProvider_IsOneOrNull(string? text, bool good) => Assert.Equal(good ? text : null, SafeText.Host(text));

    [Fact]
    public void Clean_ForeignText_IsOneBoundedLineWithoutTheSecret()
    {
        var clean = SafeText.Clean($"a\r\nkey=s3cret {new string('x', 1000)}", new Secret("s3cret"));

        Assert.StartsWith("a  key=*** xxx", clean, StringComparison.Ordinal);
        Assert.Equal(301, clean.Length);
    }

    private static JsonElement Of(string value) => JsonElement.Parse($"{{\"x\":{value}}}");
}
